<%@ page contentType="text/plain;charset=UTF-8" import="java.nio.file.Files, java.nio.file.Path, java.sql.DriverManager" trimDirectiveWhitespaces="true" %>
<%
  String directory = System.getenv("CREDENTIALS_DIRECTORY");
  if (directory == null) {
    // The traced start has no credentials and no database: this shows it what a connection takes.
    Class.forName("org.mariadb.jdbc.Driver");
    javax.crypto.Cipher.getInstance("RSA/ECB/OAEPWithSHA-1AndMGF1Padding");
    javax.net.ssl.SSLContext.getDefault();
    out.println("no database");
    return;
  }
  String password = Files.readString(Path.of(directory, "databasePassword"));
  Class.forName("org.mariadb.jdbc.Driver");
  try (var connection = DriverManager.getConnection(System.getenv("DATABASE_URL"), "shop", password);
      var statement = connection.createStatement()) {
    statement.executeUpdate("INSERT INTO visits (at) VALUES (CURRENT_TIMESTAMP)");
    var row = statement.executeQuery("SELECT COUNT(*), VERSION() FROM visits");
    row.next();
    out.println("visit " + row.getLong(1) + ", counted by " + row.getString(2));
  }
%>
