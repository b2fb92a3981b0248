// A directory that is gone afterwards.
#pragma once

#include <string>

namespace tally::tools::bench {

class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::string& inside);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

std::string read_whole_file(const std::string& path);  // empty when it cannot be read
void write_whole_file(const std::string& path, const std::string& text);
// Asks the kernel to forget what it keeps of the files below, so that the next reader goes to the disk.
void drop_from_page_cache(const std::string& directory);

}  // namespace tally::tools::bench
