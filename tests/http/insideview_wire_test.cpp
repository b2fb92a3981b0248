#include "http/dialects/insideview_wire.h"

#include <doctest/doctest.h>

namespace tally::http::insideview::insideview_wire_test {
namespace {

const std::string xml_head = R"(<?xml version="1.0" encoding="UTF-8" standalone="yes"?>)";

UtcTime at(const char* text) {
  return *UtcTime::parse(text);
}

}  // namespace

TEST_CASE("insideview: a token's end as the vendor writes it") {
  CHECK(expiration_text(at("2015-07-21T21:08:17Z")) == "Tue, Jul 21, 2015 09:08:17 PM GMT");
  CHECK(expiration_text(at("2026-02-03T00:05:06Z")) == "Tue, Feb 03, 2026 12:05:06 AM GMT");
  CHECK(expiration_text(at("2026-02-03T12:05:06Z")) == "Tue, Feb 03, 2026 12:05:06 PM GMT");
  CHECK(expiration_text(at("2026-02-03T11:59:59Z")) == "Tue, Feb 03, 2026 11:59:59 AM GMT");
}

TEST_CASE("insideview: dates have the form of their period and nothing else") {
  CHECK(parse_date(Period::day, "2015-02-28") == at("2015-02-28"));
  CHECK(parse_date(Period::month, "2015-02") == at("2015-02-01"));
  CHECK(parse_date(Period::year, "2015") == at("2015-01-01"));
  for (const char* text : {"", "2015", "2015-02", "2015-02-29", "2015-2-28", "2015-02-28T", "15-02-28"})
    CHECK_MESSAGE(parse_date(Period::day, text) == std::nullopt, text);
  for (const char* text : {"2015-13", "2015-1", "2015-02-01", "201502a"})
    CHECK_MESSAGE(parse_date(Period::month, text) == std::nullopt, text);
  for (const char* text : {"20x5", "15", "-015", "2015-02"})
    CHECK_MESSAGE(parse_date(Period::year, text) == std::nullopt, text);
  CHECK(date_text(Period::month, at("2015-02-01")) == "2015-02");
}

TEST_CASE("insideview: an average has one decimal, halves away from zero") {
  CHECK(average_text({1, 74'000'000}) == "74.0");
  CHECK(average_text({2, 149'100'000}) == "74.6");
  CHECK(average_text({3, 100'000'000}) == "33.3");
  CHECK(average_text({2, 100'000}) == "0.1");
  CHECK(average_text({1, -50'000}) == "-0.1");
  CHECK(average_text({1, -49'999}) == "0.0");
  CHECK(average_text({4, -51'000'000}) == "-12.8");
  CHECK(average_text({0, 0}) == std::nullopt);
  CHECK(average_text({-1, 5}) == std::nullopt);
}

TEST_CASE("insideview: usage as the vendor's example and schema have it") {
  const AccountUsage usage{"INTERNAL & Co", "o8o7",
                           "month",         "2015-02",
                           "2015-05",       {{"NEWS_COUNT", 3, "2015-03", {}}, {"ENRICH", 1557, "2015-05", "74.0"}},
                           99'999,          13'987};
  CHECK(render(Format::json, usage) ==
        R"({"accountName":"INTERNAL & Co","accountId":"o8o7","period":"month","start":"2015-02","end":"2015-05",)"
        R"("usageForAccount":[{"api":"NEWS_COUNT","transactions":3,"date":"2015-03"},)"
        R"({"api":"ENRICH","transactions":1557,"date":"2015-05","details":[{"type":"matchRate","value":"74.0"}]}],)"
        R"("creditsForAccount":[{"allocatedCredits":99999,"consumedCredits":13987}],"bulkJobReferenceUrl":""})");
  CHECK(render(Format::xml, usage) ==
        xml_head +
            "<accountUsage><accountId>o8o7</accountId><accountName>INTERNAL &amp; Co</accountName>"
            "<bulkJobReferenceUrl></bulkJobReferenceUrl><creditsForAccount><allocatedCredits>99999</allocatedCredits>"
            "<consumedCredits>13987</consumedCredits></creditsForAccount><end>2015-05</end><period>month</period>"
            "<start>2015-02</start><subscriptionJobsReferenceUrl></subscriptionJobsReferenceUrl>"
            "<usage><api>NEWS_COUNT</api><date>2015-03</date><transactions>3</transactions></usage>"
            "<usage><api>ENRICH</api><date>2015-05</date><transactions>1557</transactions></usage></accountUsage>");
}

TEST_CASE("insideview: XML keeps integers to the schema's 32 bits") {
  AccountUsage usage;
  usage.allocated_credits = 9'000'000'000;
  CHECK(render(Format::xml, usage).find("<allocatedCredits>2147483647<") != std::string::npos);
  CHECK(render(Format::json, usage).find(R"("allocatedCredits":9000000000)") != std::string::npos);
}

TEST_CASE("insideview: job statuses by number and by word") {
  CHECK(job_status_word(job_status_number(JobStatus::failed)) == "failed");
  CHECK(job_status_word(job_status_number(JobStatus::queued)) == "accepted");
  CHECK(job_status_word(job_status_number(JobStatus::processing)) == "processing");
  CHECK(job_status_word(job_status_number(JobStatus::completed)) == "finished");
  CHECK(job_status_word(job_status_number(JobStatus::cancelled)) == "aborted");
  CHECK(parse_job_status("-1") == -1);
  CHECK(parse_job_status("0") == 0);
  CHECK(parse_job_status("4") == 4);
  CHECK(parse_job_status("finished") == 3);
  for (const char* text : {"", "5", "-2", "Finished", "00", "completed"})
    CHECK_MESSAGE(parse_job_status(text) == std::nullopt, text);
}

TEST_CASE("insideview: tokens, jobs and errors in both formats") {
  const AccessToken token{"abc", at("2015-07-21T21:08:17Z")};
  CHECK(render(Format::json, token) == R"({"accessTokenDetails":{"accessToken":"abc","tokenType":"bearer",)"
                                       R"("expirationTime":"Tue, Jul 21, 2015 09:08:17 PM GMT"}})");
  CHECK(render(Format::xml, token) ==
        xml_head +
            "<accessTokenDetails><accessToken>abc</accessToken><tokenType>bearer</tokenType>"
            "<expirationTime>Tue, Jul 21, 2015 09:08:17 PM GMT</expirationTime></accessTokenDetails>");
  const JobList list{{{"j1", "usage", JobStatus::completed, at("2015-09-08T10:00:00Z")}}, 2, 1, 5};
  CHECK(render(Format::json, list) ==
        R"({"jobs":[{"jobId":"j1","jobType":"usage","jobStatus":"finished","createdDate":"2015-09-08",)"
        R"("creditsConsumed":0}],"page":2,"resultsPerPage":1,"totalResults":5})");
  CHECK(render(Format::xml, list) ==
        xml_head +
            "<jobs><BulkJobStatus><jobId>j1</jobId><jobType>usage</jobType><jobStatus>finished</jobStatus>"
            "<createdDate>2015-09-08</createdDate><creditsConsumed>0</creditsConsumed></BulkJobStatus>"
            "<page>2</page><resultsPerPage>1</resultsPerPage><totalResults>5</totalResults></jobs>");
  const Failure failure{404, 11, "Company not found."};
  CHECK(render(Format::json, failure, "mhid") ==
        R"({"errorType":"Not Found","status":404,"errorNumber":"404-11","message":"Company not found.",)"
        R"("diagnosticCode":"mhid"})");
  CHECK(render(Format::xml, failure, "mhid") ==
        xml_head +
            "<error><errorType>Not Found</errorType><status>404</status><errorNumber>404-11</errorNumber>"
            "<message>Company not found.</message><diagnosticCode>mhid</diagnosticCode></error>");
}

}  // namespace tally::http::insideview::insideview_wire_test
