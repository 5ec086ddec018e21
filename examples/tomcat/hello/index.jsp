<%@ page contentType="text/plain;charset=UTF-8" %>
<%
  out.println("hello from " + System.getProperty("user.name") + " at " + java.net.InetAddress.getLocalHost());
  out.println("random " + new java.security.SecureRandom().ints(0, 100).limit(3).boxed().toList());
%>
