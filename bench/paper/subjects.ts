/** A service of the 2004 paper: how we make its jail, and what somebody with jailkit has to find out. */
export interface Subject {
  /** The package; the resources' names are made from it. */
  readonly package: string;
  readonly unit: string;
  readonly jailPort: number;
  /** A directory that is given a volume; none for a service without data. */
  readonly data?: string;
  readonly jailkit: JailkitRecipe;
  /** Bytes and files by the same tool in an older measurement, for comparison; see docs of the section. */
  readonly published: string;
}

/** What goes into jailkit's jail: as shipped first, then attempt by attempt, as errors tell. */
export interface JailkitRecipe {
  /** Sections of jk_init.ini. */
  readonly sections: readonly string[];
  /** For jk_cp, which adds the libraries that ldd names. */
  readonly programs: readonly string[];
  /** Run by the shell as root on the host; `$J` is the jail. Each is one attempt after a failed start. */
  readonly attempts: readonly string[];
  /** The start, by chroot. */
  readonly start: readonly string[];
}

const jdk = "/usr/lib/jvm/java-17-openjdk-amd64";
const bootstrap = [
  ...["-Djava.awt.headless=true", "-classpath"],
  "/usr/share/tomcat10/bin/bootstrap.jar:/usr/share/tomcat10/bin/tomcat-juli.jar",
  ...["-Dcatalina.base=/var/lib/tomcat10", "-Dcatalina.home=/usr/share/tomcat10", "-Djava.io.tmpdir=/tmp"],
  ...["org.apache.catalina.startup.Bootstrap", "start"],
];

export const SUBJECTS: readonly Subject[] = [
  {
    package: "apache2",
    unit: "apache2.service",
    jailPort: 80,
    published: "65.4 MB, 339 files, after 6 attempts",
    jailkit: {
      sections: ["apache"],
      programs: ["/usr/sbin/apache2"],
      attempts: [
        "jk_cp -j $J /etc/apache2",
        "jk_cp -j $J /usr/lib/apache2",
        "mkdir -p $J/var/log/apache2 $J/run/apache2 $J/run/lock; ln -s ../run $J/var/run",
        "mkdir -p $J/dev $J/tmp; mknod -m 666 $J/dev/null c 1 3; chmod 1777 $J/tmp",
        "jk_cp -j $J /etc/mime.types /var/www /usr/share/apache2",
        "jk_cp -j $J /usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
      ],
      start: ["sh", "-c", '. /etc/apache2/envvars; exec chroot "$0" /usr/sbin/apache2 -D FOREGROUND'],
    },
  },
  {
    package: "tomcat10",
    unit: "tomcat10.service",
    jailPort: 8080,
    published: "300.8 MB",
    jailkit: {
      sections: ["uidbasics", "netbasics"],
      programs: [`${jdk}/bin/java`],
      attempts: [
        "mkdir -p $J/proc $J/dev $J/tmp; mount --bind /proc $J/proc; chmod 1777 $J/tmp",
        `jk_cp -j $J ${jdk} /etc/java-17-openjdk`,
        "jk_cp -j $J /usr/share/tomcat10 /usr/share/java",
        "jk_cp -j $J /etc/tomcat10; jk_cp -j $J /var/lib/tomcat10",
        "mkdir -p $J/var/log/tomcat10 $J/var/cache/tomcat10 $J/etc/tomcat10/Catalina",
        "mknod -m 666 $J/dev/null c 1 3; mknod -m 666 $J/dev/random c 1 8; mknod -m 666 $J/dev/urandom c 1 9",
      ],
      start: ["sh", "-c", `exec chroot "$0" ${jdk}/bin/java ${bootstrap.join(" ")}`],
    },
  },
  {
    package: "mariadb-server",
    unit: "mariadb.service",
    jailPort: 3306,
    data: "/var/lib/mysql",
    published: "49.9 MB, 120 files",
    jailkit: {
      sections: ["uidbasics", "netbasics"],
      programs: ["/usr/sbin/mariadbd"],
      attempts: [
        "jk_cp -j $J /etc/mysql",
        "mkdir -p $J/run/mysqld $J/var/lib $J/tmp $J/dev; chmod 1777 $J/tmp; chmod 777 $J/run/mysqld; cp -a /var/lib/mysql $J/var/lib/",
        "mknod -m 666 $J/dev/null c 1 3; mknod -m 666 $J/dev/urandom c 1 9; grep mysql /etc/passwd >>$J/etc/passwd; grep mysql /etc/group >>$J/etc/group",
        "jk_cp -j $J /usr/share/mysql",
        "jk_cp -j $J /usr/lib/mysql",
      ],
      start: ["sh", "-c", 'exec chroot "$0" /usr/sbin/mariadbd --user=mysql'],
    },
  },
];
