<%-- Asked while the service is traced, so that what applications may want later is seen now: drawing, fonts, TLS, names. --%>
<%@ page contentType="text/plain;charset=UTF-8" import="java.awt.Font, java.awt.image.BufferedImage, javax.imageio.ImageIO" %>
<%
  var image = new BufferedImage(200, 40, BufferedImage.TYPE_INT_RGB);
  var graphics = image.createGraphics();
  graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 24));
  graphics.drawString("Hello", 5, 30);
  ImageIO.write(image, "png", new java.io.ByteArrayOutputStream());
  javax.net.ssl.SSLContext.getDefault();
  out.println(java.net.InetAddress.getLocalHost());
%>
