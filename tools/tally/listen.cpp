// `tally listen`: the server around a Receiver.
#include "http/server.h"
#include "tools/tally/receiver.h"
#include "webhook/signature.h"

namespace tally::tools {
namespace {

constexpr std::size_t body_bytes_max = 16U << 20U;  // reports are delivered whole

http::ServerSettings settings_of(const ListenOptions& options) {
  http::ServerSettings settings;
  settings.listeners.push_back({Endpoint{options.address, options.port}, false});
  settings.connections_max = 256;
  settings.body_bytes_max = body_bytes_max;
  settings.drain_on_signals = true;
  return settings;
}

}  // namespace

int listen(Session& session, const ListenOptions& options) {
  // Else every delivery would be refused for a mistake that was made here.
  if (auto good = webhook::sign({options.secret, {}, {}}, DeliveryId("msg"), {}, session.clock.now());
      !options.secret.empty() && !good) {
    return report(session, {Exit::usage, "--secret: " + good.error().detail});
  }
  auto server = http::Server::open(settings_of(options), session.clock, session.random);
  if (!server) return report(session, {Exit::usage, server.error().detail});
  Receiver receiver(session, options, [&server] { (*server)->drain(); });
  const bool v6 = options.address.find(':') != std::string::npos;
  session.err << "listening on http://" << (v6 ? "[" + options.address + "]" : options.address) << ":"
              << (*server)->port() << (options.secret.empty() ? ", signatures are not judged (--secret)" : "")
              << "; Ctrl-C ends\n"
              << std::flush;
  (*server)->run(
      [&receiver](const http::Request& request, const http::Reply& reply) { receiver.handle(request, reply); });
  return static_cast<int>(receiver.refused_any() ? Exit::incomplete : Exit::ok);
}

}  // namespace tally::tools
