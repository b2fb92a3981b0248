#include "http/xml_writer.h"

#include <cassert>
#include <pugixml.hpp>

#include "http/xml_text.h"

namespace tally::http {

namespace {

struct StringSink final : pugi::xml_writer {
  std::string text;
  void write(const void* data, std::size_t size) override { text.append(static_cast<const char*>(data), size); }
};

}  // namespace

struct XmlWriter::Impl {
  pugi::xml_document document;
  pugi::xml_node open;

  pugi::xml_node add(std::string_view name) { return open.append_child(std::string(name).c_str()); }
};

XmlWriter::XmlWriter(std::string_view root) : impl_(std::make_unique<Impl>()) {
  pugi::xml_node declaration = impl_->document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  declaration.append_attribute("standalone") = "yes";
  impl_->open = impl_->document;
  begin(root);
}

XmlWriter::~XmlWriter() = default;

XmlWriter& XmlWriter::begin(std::string_view name) {
  impl_->open = impl_->add(name);
  return *this;
}

XmlWriter& XmlWriter::end() {
  impl_->open = impl_->open.parent();
  assert(impl_->open != impl_->document);
  return *this;
}

XmlWriter& XmlWriter::element(std::string_view name, std::string_view text) {
  impl_->add(name).text().set(xml_characters(text).c_str());
  return *this;
}

XmlWriter& XmlWriter::element(std::string_view name, std::int64_t number) {
  impl_->add(name).text().set(static_cast<long long>(number));
  return *this;
}

std::string XmlWriter::finish() && {
  assert(impl_->open.parent() == impl_->document);
  StringSink sink;
  impl_->document.save(sink, "", pugi::format_raw, pugi::encoding_utf8);
  return std::move(sink.text);
}

}  // namespace tally::http
