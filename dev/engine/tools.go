//go:build tools

// Package engine pins the version of the Pulumi CLI that tests and demo build where none is on PATH.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
