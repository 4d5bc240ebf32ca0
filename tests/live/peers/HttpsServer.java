/* A Netty server, over TLS if given a certificate: HttpsServer PROVIDER PORT [CERT KEY].
 *
 * PROVIDER is openssl (netty-tcnative: OpenSSL on memory) or jdk (Java's own). Writes `METHOD TARGET STATUS` for every answer. */
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.File;
import java.nio.charset.StandardCharsets;

public class HttpsServer {
    static class Pages extends SimpleChannelInboundHandler<FullHttpRequest> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
            boolean fails = request.uri().startsWith("/fail");
            String body = request.method() == HttpMethod.POST ? "read\n" : fails ? "boom\n" : "hello\n";
            HttpResponseStatus status = fails ? HttpResponseStatus.INTERNAL_SERVER_ERROR : HttpResponseStatus.OK;
            byte[] bytes = body.getBytes(StandardCharsets.US_ASCII);
            DefaultFullHttpResponse answer =
                new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, Unpooled.wrappedBuffer(bytes));
            answer.headers().setInt("content-length", bytes.length);
            context.writeAndFlush(answer);
            System.out.println(request.method() + " " + request.uri() + " " + status.code());
        }
    }

    public static void main(String[] arguments) throws Exception {
        SslProvider provider = arguments[0].equals("jdk") ? SslProvider.JDK : SslProvider.OPENSSL;
        SslContext tls = arguments.length < 4 ? null
            : SslContextBuilder.forServer(new File(arguments[2]), new File(arguments[3]))
                .sslProvider(provider).protocols("TLSv1.3", "TLSv1.2").build();
        // One thread for every connection.
        NioEventLoopGroup loop = new NioEventLoopGroup(1);
        new ServerBootstrap().group(loop).channel(NioServerSocketChannel.class)
            .childHandler(new ChannelInitializer<SocketChannel>() {
                @Override
                protected void initChannel(SocketChannel channel) {
                    if (tls != null) {
                        channel.pipeline().addLast(tls.newHandler(channel.alloc()));
                    }
                    channel.pipeline().addLast(new HttpServerCodec(), new HttpObjectAggregator(1 << 20), new Pages());
                }
            })
            .bind("127.0.0.1", Integer.parseInt(arguments[1])).sync().channel().closeFuture().sync();
    }
}
