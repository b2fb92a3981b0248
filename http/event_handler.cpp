#include "http/event_handler.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "http/json.h"
#include "http/json_sax.h"
#include "http/json_writer.h"

namespace tally::http {
namespace {

constexpr std::size_t quoted_name_bytes_max = 64;

// A name from outside, short enough to repeat in a message.
std::string quoted(std::string_view name) {
  return name.size() > quoted_name_bytes_max ? std::string("a name of " + std::to_string(name.size()) + " bytes")
                                             : "'" + std::string(name) + "'";
}

// CloudEvents 1.0, "Naming conventions": lower-case letters and digits.
bool extension_name(std::string_view name) noexcept {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

bool json_media_type(std::string_view type) {
  return type.starts_with("application/json");
}

}  // namespace

EventHandler::Field EventHandler::plain_field(std::string_view name) noexcept {
  switch (name.size()) {
    case 2:
      return name == "id" ? Field::id : name == "ok" ? Field::ok : Field::unknown;
    case 3:
      return name == "key" ? Field::key : Field::unknown;
    case 4:
      return name == "time" ? Field::time : Field::unknown;
    case 6:
      return name == "source" ? Field::source : Field::unknown;
    case 7:
      return name == "account"   ? Field::account
             : name == "results" ? Field::results
             : name == "credits" ? Field::credits
             : name == "options" ? Field::options
             : name == "details" ? Field::details
                                 : Field::unknown;
    case 8:
      return name == "endpoint" ? Field::endpoint : Field::unknown;
    default:
      return Field::unknown;
  }
}

EventHandler::Field EventHandler::cloud_field(std::string_view name) noexcept {
  if (name == "subject") return Field::account;
  if (name == "type") return Field::endpoint;
  if (name == "specversion") return Field::specversion;
  if (name == "datacontenttype") return Field::datacontenttype;
  if (name == "dataschema") return Field::dataschema;
  if (name == "data") return Field::data;
  const Field plain = plain_field(name);
  if (plain == Field::id || plain == Field::source || plain == Field::time) return plain;
  // Our own names belong into `data`; as an extension attribute they would be dropped without a word.
  return plain == Field::unknown && extension_name(name) ? Field::extension : Field::unknown;
}

EventHandler::Field EventHandler::field_of(std::string_view name) const noexcept {
  if (where() == Where::event) return cloud_ ? cloud_field(name) : plain_field(name);
  const Field plain = plain_field(name);
  const bool outside = plain == Field::id || plain == Field::source || plain == Field::time ||
                       plain == Field::account || plain == Field::endpoint;
  return outside ? Field::unknown : plain;
}

void EventHandler::begin_text(std::uint32_t index, Shape shape) {
  index_ = index;
  shape_ = shape;
  path_.assign(1, Where::root);
  skip_depth_ = 0;
}

void EventHandler::abandon() {
  if (!out_.indexes.empty() && out_.indexes.back() == index_) {
    out_.events.pop_back();
    out_.indexes.pop_back();
  }
  if (!out_.errors.empty() && out_.errors.back().index == index_) out_.errors.pop_back();
}

bool EventHandler::stop(Errc code, std::string detail, std::string rule) {
  error_ = fail(code, std::move(detail), std::move(rule));
  return false;
}

void EventHandler::refuse(std::string_view code, std::string message) {
  if (refused_) return;
  refused_ = true;
  out_.errors.push_back({index_, std::string(code), std::move(message)});
}

bool EventHandler::begin_event() {
  if (++elements_ > events_per_body_max)
    return stop(Errc::too_large, "more than " + std::to_string(events_per_body_max) + " events in one body",
                "too_many_events");
  out_.events.emplace_back();
  out_.indexes.push_back(index_);
  refused_ = false;
  seen_.reset();
  extensions_.clear();
  return true;
}

bool EventHandler::refuse_element(std::string_view why) {
  if (!begin_event()) return false;
  refuse("invalid_event", std::string(why));
  end_event();
  return true;
}

void EventHandler::end_event() {
  const auto seen = [this](Field field) { return seen_.test(static_cast<std::size_t>(field)); };
  if (cloud_) {
    if (!seen(Field::specversion)) refuse("invalid_specversion", "a CloudEvent names its specversion");
    if (!seen(Field::source) || (!refused_ && event().source.empty()))
      refuse("missing_source", "a CloudEvent names its source");
    std::ranges::sort(extensions_);
    if (std::ranges::adjacent_find(extensions_) != extensions_.end())
      refuse("duplicate_key", "an attribute is there twice");
  }
  if (refused_) {
    out_.events.pop_back();
    out_.indexes.pop_back();
  } else {
    if (!seen(Field::time)) event().time = now_;
    if (!seen(Field::results)) event().results = event().ok ? 1 : 0;
  }
  if (where() == Where::list) ++index_;
}

bool EventHandler::Key(const char* text, unsigned size, bool) {
  const std::string_view name(text, size);
  if (skip_depth_ > 0) return true;
  if (has_surrogate(name)) refuse("invalid_event", "a lone surrogate in a key");
  if (refused_) return true;
  if (where() == Where::options || where() == Where::details) {
    name_entry(name);
    return true;
  }
  field_ = field_of(name);
  if (field_ == Field::unknown) {
    refuse("unknown_field", "there is no field " + quoted(name));
  } else if (field_ == Field::extension) {
    extensions_.push_back(name);
  } else if (seen_.test(static_cast<std::size_t>(field_))) {
    refuse("duplicate_key", "the key " + quoted(name) + " is there twice");
  } else {
    seen_.set(static_cast<std::size_t>(field_));
  }
  return true;
}

bool EventHandler::scalar(const Scalar& value) {
  if (skip_depth_ > 0) return true;
  if (where() == Where::root || where() == Where::list) return refuse_element("an event is a JSON object");
  if (refused_) return true;
  if (value.kind == Scalar::Kind::string && has_surrogate(value.text)) {
    refuse("invalid_event", "a lone surrogate in a string");
    return true;
  }
  switch (where()) {
    case Where::event:
    case Where::data:
      set(value);
      return true;
    case Where::options:
      add_option(value);
      return true;
    case Where::details:
      add_detail(value);
      return true;
    case Where::root:
    case Where::list:
      break;
  }
  return true;
}

void EventHandler::set_text(std::string& to, const Scalar& value, std::string_view code) {
  if (value.kind == Scalar::Kind::string) {
    to = value.text;
    return;
  }
  refuse(code, std::string(code.substr(code.find('_') + 1)) + " must be a string");
}

void EventHandler::set_credits(const Scalar& value) {
  if (value.kind == Scalar::Kind::string || value.kind == Scalar::Kind::number) {
    const auto amount = value.kind == Scalar::Kind::string ? Credits::parse(value.text) : json_credits(value.text);
    if (amount) {
      event().credits = *amount;
      return;
    }
  }
  refuse("invalid_credits", "credits must be a decimal with at most six digits after the point");
}

void EventHandler::set(const Scalar& value) {
  using Kind = Scalar::Kind;
  switch (field_) {
    case Field::id:
      return set_text(event().id, value, "invalid_id");
    case Field::source:
      return set_text(event().source, value, "invalid_source");
    case Field::endpoint:
      return set_text(event().endpoint, value, "invalid_endpoint");
    case Field::key:
      return set_text(event().key, value, "invalid_key");
    case Field::credits:
      return set_credits(value);
    case Field::account:
      if (value.kind != Kind::string) return refuse("invalid_account", "account must be a string");
      event().account = AccountId(std::string(value.text));
      return;
    case Field::time: {
      const auto time = value.kind == Kind::string ? UtcTime::parse(value.text) : fail(Errc::invalid_argument, {});
      if (!time) return refuse("invalid_time", "time must be an ISO 8601 string such as 2026-02-03T04:05:06Z");
      event().time = *time;
      return;
    }
    case Field::ok:
      if (value.kind != Kind::boolean) return refuse("invalid_ok", "ok must be true or false");
      event().ok = value.boolean;
      return;
    case Field::results: {
      const auto count = value.kind == Kind::number ? json_integer(value.text) : fail(Errc::invalid_argument, {});
      if (!count) return refuse("invalid_results", "results must be an integer");
      event().results = *count;
      return;
    }
    case Field::options:
      return refuse("invalid_options", "options must be an object of counts");
    case Field::details:
      return refuse("invalid_details", "details must be a flat object");
    case Field::specversion:
      if (value.kind != Kind::string || value.text != "1.0")
        refuse("invalid_specversion", "specversion must be \"1.0\"");
      return;
    case Field::datacontenttype:
      if (value.kind != Kind::string || !json_media_type(value.text))
        refuse("invalid_datacontenttype", "datacontenttype must be application/json");
      return;
    case Field::dataschema:
      if (value.kind != Kind::string) refuse("invalid_dataschema", "dataschema must be a string");
      return;
    case Field::data:
      return refuse("invalid_data", "data must be an object");
    case Field::unknown:
    case Field::extension:
      return;
  }
}

void EventHandler::name_entry(std::string_view name) {
  entries_.push_back(name);
  if (where() == Where::options) {
    if (entries_.size() > event_options_max) refuse("invalid_options", "more than 16 options");
    return;
  }
  std::string& details = event().details;
  if (details.size() > 1) details += ',';
  append_json_string(details, name);
  details += ':';
}

void EventHandler::add_option(const Scalar& value) {
  const auto count = value.kind == Scalar::Kind::number ? json_integer(value.text) : fail(Errc::invalid_argument, {});
  if (!count) return refuse("invalid_options", "the option " + quoted(entries_.back()) + " must be an integer");
  event().options.emplace_back(entries_.back(), *count);
}

void EventHandler::add_detail(const Scalar& value) {
  std::string& details = event().details;
  switch (value.kind) {
    case Scalar::Kind::null:
      details += "null";
      return;
    case Scalar::Kind::boolean:
      details += value.boolean ? "true" : "false";
      return;
    case Scalar::Kind::number:
      details += value.text;
      return;
    case Scalar::Kind::string:
      append_json_string(details, value.text);
      return;
  }
}

void EventHandler::end_entries(Where ended) {
  if (refused_) return;
  std::ranges::sort(entries_);
  if (std::ranges::adjacent_find(entries_) != entries_.end()) refuse("duplicate_key", "a name inside is there twice");
  if (ended == Where::details) event().details += '}';
}

bool EventHandler::open(bool object) {
  if (path_.size() - 1 + skip_depth_ == json_depth_max)
    return stop(Errc::invalid_argument, "nested deeper than " + std::to_string(json_depth_max), "malformed_json");
  if (skip_depth_ > 0) {
    ++skip_depth_;
    return true;
  }
  switch (where()) {
    case Where::root:
    case Where::list:
      return open_element(object);
    case Where::event:
    case Where::data:
      open_field(object);
      return true;
    case Where::options:
      refuse("invalid_options", "options must be an object of counts");
      break;
    case Where::details:
      refuse("invalid_details", "details must be a flat object");
      break;
  }
  skip_depth_ = 1;
  return true;
}

bool EventHandler::open_element(bool object) {
  if (where() == Where::root && !object && shape_ != Shape::event) {
    was_list_ = true;
    path_.push_back(Where::list);
    return true;
  }
  if (where() == Where::root && shape_ == Shape::list)
    return stop(Errc::invalid_argument, "a batch is a JSON array", "malformed_json");
  if (!object) {
    skip_depth_ = 1;
    return refuse_element("an event is a JSON object");
  }
  path_.push_back(Where::event);
  return begin_event();
}

void EventHandler::open_field(bool object) {
  if (!refused_ && object && field_ == Field::data) {
    path_.push_back(Where::data);
  } else if (!refused_ && object && (field_ == Field::options || field_ == Field::details)) {
    path_.push_back(field_ == Field::options ? Where::options : Where::details);
    entries_.clear();
    if (field_ == Field::details) event().details = "{";
  } else {
    if (!refused_) set({Scalar::Kind::null, {}, false});  // refuses in the field's own words
    refuse("invalid_event", "an attribute must not be nested");
    skip_depth_ = 1;
  }
}

bool EventHandler::close() {
  if (skip_depth_ > 0) {
    --skip_depth_;
    return true;
  }
  const Where ended = path_.back();
  path_.pop_back();
  if (ended == Where::event) end_event();
  if (ended == Where::options || ended == Where::details) end_entries(ended);
  return true;
}

}  // namespace tally::http
