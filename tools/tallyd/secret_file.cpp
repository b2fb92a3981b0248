#include "tools/tallyd/secret_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace tally::tools {

namespace {

Error refusal(const std::string& path, const char* what) {
  return fail(Errc::invalid_argument, path + ": " + what + ": " + std::strerror(errno));
}

Result<void> write_durably(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return refusal(draft, "cannot be made");
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  ::close(file);
  if (!written) return refusal(draft, "cannot be written");
  if (::rename(draft.c_str(), path.c_str()) != 0) return refusal(path, "cannot be made");
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const int folder = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return refusal(directory, "cannot be opened");
  const bool synced = ::fsync(folder) == 0;
  ::close(folder);
  if (!synced) return refusal(directory, "cannot be synced");
  return {};
}

}  // namespace

Result<std::string> read_secret_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return fail(Errc::not_found, path + ": there is no such file");
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.good() && !in.eof()) return refusal(path, "cannot be read");
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  if (text.empty()) return fail(Errc::invalid_argument, path + ": is empty or cannot be read");
  return text;
}

Result<std::string> read_or_make_secret_file(const std::string& path, const std::function<std::string()>& make) {
  auto text = read_secret_file(path);
  if (text || text.error().code != Errc::not_found) return text;
  std::string made = make();
  if (auto written = write_durably(path, made + "\n"); !written) return written.error();
  return made;
}

}  // namespace tally::tools
