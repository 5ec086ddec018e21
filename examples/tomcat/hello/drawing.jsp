<%@ page contentType="image/png" import="java.awt.Color, java.awt.Font, java.awt.image.BufferedImage, javax.imageio.ImageIO" trimDirectiveWhitespaces="true" %>
<%
  String text = request.getParameter("text") == null ? "Hello" : request.getParameter("text");
  var image = new BufferedImage(320, 60, BufferedImage.TYPE_INT_RGB);
  var graphics = image.createGraphics();
  graphics.setColor(Color.WHITE);
  graphics.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 32));
  graphics.drawString(text, 10, 40);
  ImageIO.write(image, "png", response.getOutputStream());
%>
