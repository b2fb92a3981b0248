// The bytes that a connection has received and not yet consumed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace tally::http {

class ReadBuffer {
 public:
  std::string_view view() const noexcept { return {bytes_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t size) noexcept { begin_ += size; }
  void clear() noexcept { begin_ = end_ = 0; }

  // Where to receive to, and how many bytes: never none. The buffer is at least `wanted` bytes and doubles when what is
  // not consumed fills it. Views end here.
  std::pair<char*, std::size_t> room(std::size_t wanted) {
    std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_), bytes_.begin() + static_cast<std::ptrdiff_t>(end_),
              bytes_.begin());
    end_ -= std::exchange(begin_, 0);
    const std::size_t size = end_ == bytes_.size() ? std::max(wanted, 2 * end_) : wanted;
    if (bytes_.size() < size) bytes_.resize(size);
    return {bytes_.data() + end_, bytes_.size() - end_};
  }
  void received(std::size_t size) noexcept { end_ += size; }

  bool has_memory() const noexcept { return !bytes_.empty(); }
  // For the next one: the memory of a buffer with nothing left to consume.
  std::string give_memory() noexcept {
    clear();
    return std::exchange(bytes_, {});
  }
  void take_memory(std::string memory) noexcept { bytes_ = std::move(memory); }

  // Gives up more than `kept` bytes of memory, if nothing is left to consume.
  void release_if_empty(std::size_t kept) {
    if (begin_ != end_) return;
    begin_ = end_ = 0;
    if (bytes_.size() > kept) bytes_ = std::string();
  }

 private:
  std::string bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace tally::http
