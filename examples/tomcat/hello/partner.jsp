<%@ page contentType="text/plain;charset=UTF-8" import="java.net.URI, javax.net.ssl.HttpsURLConnection" %>
<%
  var connection = (HttpsURLConnection) URI.create(System.getenv("PARTNER_URL")).toURL().openConnection();
  connection.setConnectTimeout(3000);
  connection.setReadTimeout(3000);
  try (var answer = connection.getInputStream()) {
    out.print("partner says " + connection.getResponseCode() + " " + new String(answer.readAllBytes(), "UTF-8"));
  } catch (java.io.IOException error) {
    response.setStatus(502);
    out.print(error.getClass().getSimpleName() + ": " + error.getMessage());
  }
%>
