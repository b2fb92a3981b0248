// Writes XML documents: elements with text, in the order they are given.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tally::http {

// Nesting is the caller's: every begin has its end. Names are XML names; text may be any bytes: what is no UTF-8 and no
// character of XML 1.0 becomes U+FFFD, so the document is always well-formed.
class XmlWriter {
 public:
  explicit XmlWriter(std::string_view root);
  ~XmlWriter();

  XmlWriter& begin(std::string_view name);
  XmlWriter& end();
  XmlWriter& element(std::string_view name, std::string_view text);
  XmlWriter& element(std::string_view name, std::int64_t number);

  // The document with its declaration, without blanks between the elements.
  std::string finish() &&;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tally::http
