#include "http/dialects/insideview.h"

#include <doctest/doctest.h>

#include "tests/http/vendor_house.h"

namespace tally::http::insideview_test {
namespace {

const std::string token_path = "/Auth/login/v1/token";
const std::string usage_path = "/api/v1/admin/usage";
const std::string jobs_path = "/api/v1/admin/jobs";
const std::string no_token = "Unauthorized Error - Cannot use API's without setting a valid accessToken in header.";

// An account with usage in March and May of 2026, on the 10th of May.
struct Client : VendorHouse {
  Client() {
    clock.set(*UtcTime::parse("2026-05-10T12:00:00Z"));
    open_account("acme", "100");
    set_price("ENRICH", "0.5");
    key = make_key("acme", "pair");
    send_event(R"([{"id":"1","account":"acme","endpoint":"NEWS","time":"2026-03-31T23:59:59Z"},
                   {"id":"2","account":"acme","endpoint":"ENRICH","time":"2026-05-01T00:00:00Z",
                    "details":{"matchRate":70,"batch":"a"}},
                   {"id":"3","account":"acme","endpoint":"ENRICH","time":"2026-05-02T00:00:00Z","details":{"matchRate":78.1}},
                   {"id":"4","account":"acme","endpoint":"ENRICH","time":"2026-05-02T00:00:00Z"},
                   {"id":"5","account":"acme","endpoint":"NEWS","ok":false,"time":"2026-05-02T00:00:00Z"}])");
    token = login();
  }
  Response ask_token(const std::string& query, std::vector<Field> headers = {}, const std::string& suffix = ".json") {
    return ask("POST", token_path + suffix + query, "", std::move(headers));
  }
  std::string query_of(const VendorKey& client) {
    return "?clientId=" + client.key + "&clientSecret=" + client.secret + "&grantType=cred";
  }
  std::string login(const VendorKey& client) {
    const Response response = ask_token(query_of(client));
    CHECK_MESSAGE(response.status == 200, response.body);
    return at(response, "accessTokenDetails.accessToken");
  }
  std::string login() { return login(key); }
  Response get(const std::string& target, const std::string& accept = "application/json") {
    return ask("GET", target, "", {{"accesstoken", token}, {"accept", accept}});
  }
  VendorKey key;
  std::string token;
};

std::string may(const std::string& more = {}) {
  return usage_path + "?period=month&start=2026-05&end=2026-05" + more;
}

}  // namespace

TEST_CASE("insideview: a pair key logs in by query or form and gets a token for an hour") {
  Client client;
  const std::string end = "Sun, May 10, 2026 01:00:00 PM GMT";
  const Response json = client.ask_token(client.query_of(client.key));
  CHECK(json.content_type == "application/json");
  CHECK(at(json, "accessTokenDetails.tokenType") == "bearer");
  CHECK(at(json, "accessTokenDetails.expirationTime") == end);
  CHECK(header_of(json, "Cache-Control") == "no-store");
  const Response xml = client.ask_token(client.query_of(client.key), {}, "");
  CHECK(xml.content_type == "application/xml");
  CHECK(xml.body.find("<accessTokenDetails><accessToken>") != std::string::npos);
  CHECK(xml.body.find("<expirationTime>" + end + "</expirationTime>") != std::string::npos);
  CHECK(client.ask_token(client.query_of(client.key), {{"accept", "application/json"}}, "").content_type ==
        "application/json");
  const std::vector<Field> form{{"content-type", "application/x-www-form-urlencoded; charset=UTF-8"}};
  const Response posted = client.ask("POST", token_path + ".json", client.query_of(client.key).substr(1), form);
  CHECK(posted.status == 200);
  CHECK(client.ask("POST", token_path + ".json", R"({"clientId":"a"})").status == 415);
  CHECK(client.ask("POST", token_path + ".json", "a=%zz", form).status == 400);
}

TEST_CASE("insideview: who may not log in is told so in the dialect's shape") {
  Client client;
  const auto wrong = [&](const std::string& query) { return client.ask_token(query); };
  const Response no_grant = wrong("?clientId=a&clientSecret=b");
  CHECK(no_grant.status == 400);
  CHECK(at(no_grant, "errorNumber") == "400-101");
  CHECK(at(no_grant, "errorType") == "Bad Request");
  for (const std::string& query : {std::string("?grantType=cred"), "?clientId=" + client.key.key + "&grantType=cred",
                                   "?clientId=" + client.key.key + "&clientSecret=wrong&grantType=cred",
                                   client.query_of(client.make_key("acme", "token"))}) {
    CAPTURE(query);
    const Response refused = wrong(query);
    CHECK(refused.status == 401);
    CHECK(at(refused, "errorNumber") == "401-101");
    CHECK(at(refused, "diagnosticCode") == "req-1");
  }
  const VendorKey elsewhere = client.make_key("acme", "pair", R"(,"allowed_ips":["10.0.0.0/8"])");
  CHECK(wrong(client.query_of(elsewhere)).status == 403);
  REQUIRE(client.as_operator("PATCH", "/keys/" + client.key.id, R"({"status":"disabled"})").status == 200);
  CHECK(wrong(client.query_of(client.key)).status == 401);
}

TEST_CASE("insideview: usage as JSON: transactions by API and period, match rates, this month's credits") {
  Client client;
  const Response response = client.get(usage_path + "?period=month&start=2026-02&end=2026-05");
  CHECK(response.status == 200);
  CHECK(response.content_type == "application/json");
  CHECK(response.body ==
        R"({"accountName":"","accountId":"acme","period":"month","start":"2026-02","end":"2026-05","usageForAccount":[)"
        R"({"api":"NEWS","transactions":1,"date":"2026-03"},)"
        R"({"api":"ENRICH","transactions":3,"date":"2026-05","details":[{"type":"matchRate","value":"74.1"}]},)"
        R"({"api":"NEWS","transactions":1,"date":"2026-05"}],)"
        R"("creditsForAccount":[{"allocatedCredits":100,"consumedCredits":2}],"bulkJobReferenceUrl":""})");
  CHECK(header_of(response, "RateLimit-Limit") == "20");
  CHECK(header_of(response, "RateLimit-Remaining") == "19");
}

TEST_CASE("insideview: usage by day and year, both ends inclusive") {
  Client client;
  const Response days = client.get(usage_path + "?period=day&start=2026-05-02&end=2026-05-02");
  CHECK(at(days, "usageForAccount.0.date") == "2026-05-02");
  CHECK(at(days, "usageForAccount.0.transactions") == "2");
  CHECK(at(days, "usageForAccount.0.details.0.value") == "78.1");
  CHECK(at(days, "usageForAccount.1.api") == "NEWS");
  CHECK(at(days, "usageForAccount.2.api") == "");
  const Response years = client.get(usage_path + "?period=year&start=2025&end=2026");
  CHECK(at(years, "usageForAccount.0.date") == "2026");
  CHECK(at(years, "usageForAccount.1.transactions") == "2");
}

TEST_CASE("insideview: usage as XML without a wish, by a posted form too") {
  Client client;
  const Response xml = client.ask("GET", may(), "", {{"accesstoken", client.token}});
  CHECK(xml.content_type == "application/xml");
  CHECK(xml.body.find("<usage><api>ENRICH</api><date>2026-05</date><transactions>3</transactions></usage>") !=
        std::string::npos);
  CHECK(client.get(may(), "application/json;q=0.5, application/xml").content_type == "application/xml");
  const Response posted =
      client.ask("POST", usage_path, "period=month&start=2026-05&end=2026-05",
                 {{"accesstoken", client.token}, {"content-type", "application/x-www-form-urlencoded"}});
  CHECK(posted.body == xml.body);
}

TEST_CASE("insideview: a range may reach into the future, where there is nothing") {
  Client client;
  CHECK(at(client.get(usage_path + "?period=month&start=2026-05&end=2030-12"), "usageForAccount.1.api") == "NEWS");
  const Response later = client.get(usage_path + "?period=year&start=2027&end=9999");
  CHECK(later.status == 200);
  CHECK(later.body.find(R"("usageForAccount":[])") != std::string::npos);
}

TEST_CASE("insideview: what is allocated is the month's allocation, else what there was to spend") {
  Client client;
  REQUIRE(client.as_operator("PUT", "/accounts/acme/subscription", R"({"plan":"pro","monthly_allocation":"500.9"})")
              .status == 200);
  const Response allocated = client.get(may());
  CHECK(at(allocated, "creditsForAccount.0.allocatedCredits") == "500");
  CHECK(at(allocated, "creditsForAccount.0.consumedCredits") == "2");
}

TEST_CASE("insideview: every parameter that is wrong has its number") {
  struct Case {
    const char* query;
    const char* number;
  };
  const Case cases[] = {
      {"", "400-701"},
      {"?period=week&start=2026-01&end=2026-02", "400-701"},
      {"?period=month", "400-702"},
      {"?period=month&start=2026-01-01&end=2026-02", "400-702"},
      {"?period=month&start=2026-01", "400-705"},
      {"?period=month&start=2026-01&end=2026", "400-705"},
      {"?period=month&start=2026-02&end=2026-01", "400-706"},
      {"?period=year&start=2010&end=2026", "400-705"},
  };
  Client client;
  for (const Case& c : cases) {
    CAPTURE(c.query);
    const Response refused = client.get(usage_path + c.query);
    CHECK(refused.status == 400);
    CHECK(at(refused, "status") == "400");
    CHECK(at(refused, "errorNumber") == c.number);
  }
  const Response xml = client.get(usage_path, "*/*");
  CHECK(xml.content_type == "application/xml");
  CHECK(xml.body.find("<error><errorType>Bad Request</errorType><status>400</status><errorNumber>400-701<") !=
        std::string::npos);
}

TEST_CASE("insideview: a token is refused when it is over, changed, or none of ours") {
  Client client;
  const std::string good = client.token;
  CHECK(client.get(may()).status == 200);
  CHECK(at(client.ask("GET", may(), "", {{"accept", "application/json"}}), "message") == no_token);
  for (const std::string& bad :
       {std::string(), std::string("x"), good + "A", good.substr(4), "A" + good.substr(1), client.key.key}) {
    client.token = bad;
    const Response refused = client.get(may());
    CHECK_MESSAGE(refused.status == 401, bad);
    CHECK(at(refused, "errorNumber") == "401-101");
  }
  client.token = good;
  client.clock.advance_ms(hour_ms - 1);
  CHECK(client.get(may()).status == 200);
  client.clock.advance_ms(1);
  CHECK(client.get(may()).status == 401);
}

TEST_CASE("insideview: a sealed text of another purpose is no token") {
  Client client;
  CHECK(client.insideview.key_of_token(client.token, client.clock.now())->str() == client.key.id);
  CHECK_FALSE(client.insideview.key_of_token(client.credentials.seal(client.key.id), client.clock.now()));
}

TEST_CASE("insideview: a token dies with its key") {
  for (const char* change : {R"({"status":"disabled"})", R"({"expires_at":"2026-05-10T12:00:01Z"})"}) {
    Client client;
    REQUIRE(client.as_operator("PATCH", "/keys/" + client.key.id, change).status == 200);
    client.clock.advance_ms(second_ms);
    CHECK_MESSAGE(client.get(may()).status == 401, change);
  }
  Client client;
  REQUIRE(client.as_operator("PATCH", "/keys/" + client.key.id, R"({"allowed_ips":["10.0.0.0/8"]})").status == 200);
  CHECK(client.get(may()).status == 403);
  REQUIRE(client.as_operator("DELETE", "/keys/" + client.key.id).status < 300);
  CHECK(client.get(may()).status == 401);
}

TEST_CASE("insideview: a key's scopes hold for its tokens") {
  Client client;
  client.token = client.login(client.make_key("acme", "pair", R"(,"scopes":["reports"])"));
  CHECK(client.get(jobs_path).status == 200);
  const Response refused = client.get(may());
  CHECK(refused.status == 403);
  CHECK(at(refused, "errorNumber") == "403-102");
}

TEST_CASE("insideview: past its window's requests the account waits a full window, with a fresh token too") {
  Client client;
  for (int i = 0; i < 20; ++i) CHECK(client.get(may()).status == 200);
  client.clock.advance_ms(minute_ms);
  const Response throttled = client.get(may());
  CHECK(throttled.status == 429);
  CHECK(at(throttled, "errorNumber") == "429-101");
  CHECK(header_of(throttled, "Retry-After") == "300");
  client.token = client.login(client.make_key("acme", "pair"));
  client.clock.advance_ms(5 * minute_ms - 1);
  CHECK(client.get(may()).status == 429);
  client.clock.advance_ms(1);
  CHECK(client.get(may()).status == 200);
}

TEST_CASE("insideview: an account sees its own figures only") {
  Client client;
  client.open_account("other");
  client.token = client.login(client.make_key("other", "pair"));
  const Response response = client.get(may());
  CHECK(at(response, "accountId") == "other");
  CHECK(response.body.find(R"("usageForAccount":[])") != std::string::npos);
}

TEST_CASE("insideview: jobs are the account's reports, the newest first, in pages") {
  Client client;
  const auto submit = [&](const std::string& account) {
    Job job;
    job.account = AccountId(account);
    ReportRequest request;
    request.range = {start_of_month(0), start_of_month(1)};
    job.request = encode(request);
    std::string id;
    client.jobs.submit(job, [&](const Result<Job>& stored) { id = stored->id.str(); });
    client.settle();
    client.clock.advance_ms(day_ms / 2);
    return id;
  };
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(submit("acme"));
  submit("other");
  client.jobs.cancel(AccountId("acme"), RequestId(ids[0]), [](const Result<Job>&) {});
  client.settle();
  client.token = client.login();

  const Response all = client.get(jobs_path);
  CHECK(at(all, "jobs.0.jobId") == ids[2]);
  CHECK(at(all, "jobs.0.jobType") == "usage");
  CHECK(at(all, "jobs.0.jobStatus") == "accepted");
  CHECK(at(all, "jobs.0.createdDate") == "2026-05-11");
  CHECK(at(all, "jobs.0.creditsConsumed") == "0");
  CHECK(at(all, "jobs.2.jobStatus") == "aborted");
  CHECK(at(all, "page") == "1");
  CHECK(at(all, "resultsPerPage") == "10");
  CHECK(at(all, "totalResults") == "3");
  const Response second = client.get(jobs_path + "?page=2&resultsPerPage=2");
  CHECK(at(second, "jobs.0.jobId") == ids[0]);
  CHECK(at(second, "jobs.1.jobId") == "");
  CHECK(at(second, "totalResults") == "3");
  CHECK(at(client.get(jobs_path + "?jobStatuses=4"), "jobs.0.jobId") == ids[0]);
  CHECK(at(client.get(jobs_path + "?jobStatuses=aborted,1"), "totalResults") == "3");
  CHECK(at(client.get(jobs_path + "?jobStatuses=-1,3"), "totalResults") == "0");
  CHECK(at(client.get(jobs_path + "?jobTypes=usage"), "totalResults") == "3");
  CHECK(at(client.get(jobs_path + "?jobTypes=1"), "totalResults") == "0");
  CHECK(at(client.get(jobs_path + "?period=day&start=2026-05-11&end=2026-05-11"), "totalResults") == "2");
  CHECK(at(client.get(jobs_path + "?period=day&start=2026-05-01&end=2026-05-10"), "totalResults") == "1");
  CHECK(client.get(jobs_path, "*/*").body.find("<jobs><BulkJobStatus><jobId>" + ids[2]) != std::string::npos);
}

TEST_CASE("insideview: what is wrong with a list's parameters has numbers too") {
  struct Case {
    const char* query;
    const char* number;
  };
  const Case cases[] = {{"?start=2026-05", "400-701"},
                        {"?period=day", "400-702"},
                        {"?jobStatuses=5", "400-707"},
                        {"?page=0", "400-708"},
                        {"?page=x", "400-708"},
                        {"?resultsPerPage=0", "400-709"},
                        {"?resultsPerPage=51", "400-709"},
                        {"?period=day&start=2026-05-02&end=2026-05-01", "400-706"}};
  Client client;
  for (const Case& c : cases) CHECK_MESSAGE(at(client.get(jobs_path + c.query), "errorNumber") == c.number, c.query);
}

}  // namespace tally::http::insideview_test
