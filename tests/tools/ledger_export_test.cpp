#include "tools/tally/ledger_export.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <sstream>

#include "tests/tools/ledger_book.h"
#include "tools/tally/audit_sink.h"

namespace ledger_export_test {

using namespace tally;
using namespace tally::tools;
using namespace tally::tools::testing;

namespace {

// Each place is changed in one of the ways, which take turns: all of them everywhere took several times longer and
// found no more. A sanitizer makes a run many times slower; every 29th place shows it the same code.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t stride = 29;
#else
constexpr std::size_t stride = 1;
#endif

const UtcTime made_at = *UtcTime::parse("2025-04-01T00:00:00Z");

std::string exported(const std::vector<LedgerBook>& books) {
  std::ostringstream out;
  ExportWriter writer(out, made_at, books.size());
  for (const LedgerBook& book : books) book.give(writer);
  writer.finish();
  REQUIRE_FALSE(writer.first_wrong().has_value());
  return out.str();
}

ByteSource source_of(const std::string& text, std::size_t piece = 1U << 20U) {
  return [&text, piece, at = std::size_t{0}](char* buffer, std::size_t size) mutable -> std::int64_t {
    const std::size_t n = std::min({size, piece, text.size() - at});
    std::memcpy(buffer, text.data() + at, n);
    at += n;
    return static_cast<std::int64_t>(n);
  };
}

std::vector<Finding> audited(const std::string& text) {
  AuditSink sink(HoldsGiven::open);
  REQUIRE(read_export(source_of(text), sink).has_value());
  return sink.findings();
}

// The last line made anew, as somebody would who changes an export on purpose.
std::string forged(const std::string& text) {
  const std::size_t end = text.rfind("{\"end\"");
  RunningDigest digest;
  digest.add(std::string_view(text).substr(0, end));
  const std::size_t hash = text.find("\"sha256\":\"", end) + std::strlen("\"sha256\":\"");
  std::string whole = text;
  whole.replace(hash, 64, to_hex(digest.finish()));
  return whole;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at + 1));
    at = end + 1;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

}  // namespace

TEST_CASE("export: what the rules made is found right, all types of entries among it") {
  const LedgerBook book = varied_book("acme");
  std::set<EntryType> types;
  for (const LedgerEntry& entry : book.entries) types.insert(entry.type);
  CHECK(types.size() == 5);
  const std::string text = exported({book, varied_book("globex"), LedgerBook("empty-one")});
  AuditSink sink(HoldsGiven::open);
  CHECK(read_export(source_of(text), sink).has_value());
  // "empty-one" is out of order between the two.
  REQUIRE(sink.findings().size() == 1);
  CHECK(sink.findings()[0].what.find("out of order") != std::string::npos);
  AuditSink good(HoldsGiven::open);
  CHECK(read_export(source_of(exported({book, LedgerBook("empty-one"), varied_book("globex")}), 7), good).has_value());
  for (const Finding& finding : good.findings()) FAIL_CHECK(finding.what);
  CHECK(good.counts().accounts == 3);
  CHECK(good.counts().entries == 2 * book.entries.size());
  CHECK(good.counts().lots == 2 * book.lots.size());
  CHECK(good.counts().holds == 2);
}

TEST_CASE("export: any other byte in any place is found") {
  const std::string text = exported({varied_book("acme")});
  REQUIRE(audited(text).empty());
  std::size_t found = 0;
  std::size_t tried = 0;
  std::string changed = text;
  for (std::size_t at = 0; at < text.size(); at += stride) {
    const char was = text[at];
    const std::array others = {static_cast<char>(was ^ 1), static_cast<char>(was ^ 0x20), '0'};
    const char other = others[at / stride % (was == '0' ? 2 : 3)];
    changed[at] = other;
    ++tried;
    if (!audited(changed).empty()) {
      ++found;
    } else {
      FAIL_CHECK("byte " << at << " as " << static_cast<int>(other) << ": "
                         << text.substr(at - std::min<std::size_t>(at, 20), 40));
    }
    changed[at] = was;
  }
  CHECK(found == tried);
}

TEST_CASE("export: a byte less, a byte more and an end too soon are found") {
  const std::string text = exported({varied_book("acme")});
  for (std::size_t at = 0; at < text.size(); at += stride) {
    std::string changed = text;
    switch (at / stride % 4) {
      case 0:
        changed.erase(at, 1);
        break;
      case 1:
        changed.insert(at, 1, '0');
        break;
      case 2:
        changed.insert(at, 1, '\n');
        break;
      default:
        changed.resize(at);
    }
    CHECK_FALSE(audited(changed).empty());
  }
  CHECK_FALSE(audited(text + "\n").empty());
  CHECK_FALSE(audited(text + text).empty());
}

TEST_CASE("export: lines that are swapped, repeated or left out are found, a forged last line or not") {
  const std::vector<std::string> lines = lines_of(exported({varied_book("acme")}));
  const auto both = [](const std::vector<std::string>& changed) {
    return !audited(joined(changed)).empty() && !audited(forged(joined(changed))).empty();
  };
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    for (std::size_t k = i + 1; k + 1 < lines.size(); ++k) {
      auto swapped = lines;
      std::swap(swapped[i], swapped[k]);
      CHECK(both(swapped));
    }
    auto repeated = lines;
    repeated.insert(repeated.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
    CHECK(both(repeated));
    auto without = lines;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(both(without));
  }
}

TEST_CASE("export: a changed byte of an entry is named as that entry, though the last line was forged to fit") {
  const LedgerBook book = varied_book("acme");
  const std::string text = exported({book});
  std::uint64_t seq = 0;
  std::size_t at = 0;
  for (const std::string& line : lines_of(text)) {
    if (line.find(",\"entry\":{") != std::string::npos) {
      ++seq;
      // The account's name and the marks around the entry tell whose it is; from the entry on all is the entry.
      for (std::size_t i = line.find("{\"seq\"") + 1; i + 3 < line.size(); i += stride) {
        std::string changed = text;
        changed[at + i] = static_cast<char>(changed[at + i] ^ 1);
        const auto findings = audited(forged(changed));
        REQUIRE_FALSE(findings.empty());
        CHECK_MESSAGE(findings[0].entry == seq, findings[0].what << " | " << line.substr(i, 30));
      }
    }
    at += line.size();
  }
  CHECK(seq == book.entries.size());
}

TEST_CASE("export: an account that is wrong leaves the others checked") {
  LedgerBook bad = varied_book("acme");
  bad.entries[2].description += "!";
  LedgerBook worse = varied_book("globex");
  worse.state.balance = credits(1);
  worse.entries.clear();
  AuditSink sink(HoldsGiven::all);
  bad.give(sink);
  varied_book("fine").give(sink);
  worse.give(sink);
  REQUIRE(sink.findings().size() == 2);
  CHECK(sink.findings()[0].account.str() == "acme");
  CHECK(sink.findings()[0].entry == 3);
  CHECK(sink.findings()[1].account.str() == "globex");
  CHECK(sink.counts().accounts == 3);
}

TEST_CASE("audit: usage figures are held against the entries for usage") {
  const LedgerBook book = varied_book("acme");
  // call-2, call-3 and call-4; call-1 was reversed.
  const auto findings = [&](Metered metered, bool& noted) {
    AuditSink sink(HoldsGiven::all);
    LedgerBook copy = book;
    struct WithUsage final : LedgerSink {
      WithUsage(AuditSink& to, Metered m) : sink(to), metered(m) {}
      void lot(const AccountId& a, const Lot& l, Credits r) override { sink.lot(a, l, r); }
      void entry(const AccountId& a, const LedgerEntry& e) override { sink.entry(a, e); }
      void hold(const AccountId& a, const Hold& h) override { sink.hold(a, h); }
      void end(const AccountId& a, const AccountFigures& f) override {
        AccountFigures figures = f;
        figures.metered = metered;
        sink.end(a, figures);
      }
      void unsettled(const AccountId&) override {}
      void wrong(const AccountId&, std::optional<std::uint64_t>, const std::string&) override {}
      void note(const AccountId&, const std::string&) override {}
      AuditSink& sink;
      Metered metered;
    } with_usage(sink, metered);
    copy.give(with_usage);
    noted = !sink.notes().empty();
    return sink.findings().size();
  };
  bool noted = false;
  CHECK(findings({credits(43), Credits(), false}, noted) == 0);
  CHECK(findings({credits(50), credits(7), false}, noted) == 0);
  CHECK(findings({credits(50), Credits(), false}, noted) == 1);
  CHECK(findings({credits(42), Credits(), true}, noted) == 1);
  CHECK(findings({credits(50), Credits(), true}, noted) == 0);
  CHECK(noted);
}

}  // namespace ledger_export_test
