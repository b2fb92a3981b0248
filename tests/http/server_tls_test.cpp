#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/http/test_client.h"
#include "tests/http/test_server.h"

namespace tally::http::server_tls_test {
namespace {

// A folder of its own for a key and a certificate that nobody trusts.
class Credentials {
 public:
  Credentials() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tally_tls_XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    write(cert(), [&](std::FILE* file) { PEM_write_X509(file, certificate.get()); });
    write(this->key(),
          [&](std::FILE* file) { PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }
  ~Credentials() { std::filesystem::remove_all(folder_); }
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  std::string cert() const { return folder_ / "cert.pem"; }
  std::string key() const { return folder_ / "key.pem"; }

 private:
  template <class Writer>
  static void write(const std::string& path, Writer writer) {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    REQUIRE(file != nullptr);
    writer(file);
    std::fclose(file);
  }
  std::filesystem::path folder_;
};

class TlsClient {
 public:
  explicit TlsClient(TestClient& client, int version_max = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), ssl_(SSL_new(context_.get()), SSL_free) {
    SSL_set_security_level(ssl_.get(), 0);
    SSL_set_min_proto_version(ssl_.get(), TLS1_VERSION);
    SSL_set_max_proto_version(ssl_.get(), version_max);
    SSL_set_fd(ssl_.get(), client.fd());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }
  bool connected() const { return connected_; }
  void send(const std::string& bytes) { SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); }
  // Until the server says goodbye.
  std::string receive_all() {
    std::string all;
    std::array<char, 16384> bytes{};
    int got = 0;
    while ((got = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))) > 0)
      all.append(bytes.data(), static_cast<std::size_t>(got));
    clean_ = SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN;
    SSL_shutdown(ssl_.get());
    return all;
  }
  bool ended_cleanly() const { return clean_; }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool connected_ = false;
  bool clean_ = false;
};

ServerSettings with(const Credentials& credentials) {
  ServerSettings settings;
  settings.tls_cert = credentials.cert();
  settings.tls_key = credentials.key();
  return settings;
}

}  // namespace

TEST_CASE("tls: requests are served, large answers too, and the end is announced") {
  const Credentials credentials;
  TestServer server(with(credentials));
  TestClient socket(server.port());
  TlsClient client(socket);
  REQUIRE(client.connected());
  client.send(
      "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /big HTTP/1.1\r\nHost: a\r\nConnection: "
      "close\r\n\r\n");
  const std::string all = client.receive_all();
  CHECK(all.find("POST /x body") != std::string::npos);
  CHECK(all.ends_with(std::string(4 << 20, 'x')));
  CHECK(client.ended_cleanly());
}

TEST_CASE("tls: a replying thread other than the connection's own is fine") {
  const Credentials credentials;
  TestServer server(with(credentials));
  TestClient socket(server.port());
  TlsClient client(socket);
  REQUIRE(client.connected());
  client.send("GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  server.wait_for_later(1);
  server.answer_later("from afar");
  CHECK(client.receive_all().ends_with("from afar"));
}

TEST_CASE("tls: versions before 1.2 and plain HTTP are turned away") {
  const Credentials credentials;
  TestServer server(with(credentials));
  TestClient old_socket(server.port());
  CHECK_FALSE(TlsClient(old_socket, TLS1_1_VERSION).connected());
  TestClient plain(server.port());
  plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  plain.receive_all();
  CHECK(server.requests().empty());
}

TEST_CASE("tls: a handshake that does not come is not waited for") {
  const Credentials credentials;
  TestServer server(with(credentials));
  TestClient silent(server.port());
  REQUIRE(server.advance_until_readable(silent, 1000));
  CHECK(silent.closed());
}

TEST_CASE("tls: files that cannot be used are named") {
  ManualClock clock;
  SeededRandom random(1);
  ServerSettings settings;
  settings.tls_cert = "/nonexistent/cert.pem";
  settings.tls_key = "/nonexistent/key.pem";
  const auto server = Server::open(settings, clock, random);
  REQUIRE_FALSE(server.has_value());
  CHECK(server.error().detail.find("/nonexistent/cert.pem") != std::string::npos);
}

}  // namespace tally::http::server_tls_test
