// A file of lines, with one writer and with several at once.
#include "drivers/line_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/temp_dir.h"

namespace sluice {
namespace {

std::string TextOf(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// As in all files, from the oldest on.
std::vector<std::string> LinesOf(const std::string& path) {
  int last = 0;
  while (std::filesystem::exists(path + "." + std::to_string(last + 1))) ++last;
  std::vector<std::string> lines;
  for (int n = last; n >= 0; --n) {
    std::ifstream in(n == 0 ? path : path + "." + std::to_string(n));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  return lines;
}

// Somebody else who has the file open: writes as they like, lock or not.
class Stranger {
 public:
  explicit Stranger(const std::string& path) : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)) {
    REQUIRE(fd_ >= 0);
  }
  ~Stranger() { ::close(fd_); }
  void Lock() const { REQUIRE(::flock(fd_, LOCK_EX | LOCK_NB) == 0); }
  void Unlock() const { REQUIRE(::flock(fd_, LOCK_UN) == 0); }
  void Write(const std::string& text) const { REQUIRE(::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size())); }

 private:
  const int fd_;
};

constexpr int kBatches = 300;

// Batches of three lines "<writer> <number>", long enough to be rotated often.
void AppendBatches(const FileSinkConfig& config, int writer) {
  LineFile file(config);
  for (int i = 0; i < kBatches; ++i) {
    std::string lines;
    for (int n = 3 * i; n < 3 * i + 3; ++n) lines += std::to_string(writer) + " " + std::to_string(n) + "\n";
    Result<void> appended = file.Append(lines);
    // Somebody else may rotate for as long as the disk likes.
    while (!appended && appended.error().code == ErrorCode::kLocked) appended = file.Append(lines);
    if (!appended) return;  // Missed when the lines are counted.
  }
}

void CheckWriters(const std::vector<std::string>& lines, int writers) {
  std::vector<int> next(static_cast<std::size_t>(writers), 0);
  for (const std::string& line : lines) {
    const std::size_t writer = static_cast<std::size_t>(line.front() - '0');
    REQUIRE(writer < next.size());
    CHECK(line == std::to_string(writer) + " " + std::to_string(next[writer]));
    ++next[writer];
  }
  for (const int count : next) CHECK(count == 3 * kBatches);
}

TEST_CASE("line file: a torn last line is cut before anything is added, and nothing else is") {
  TempDir dir;
  FileSinkConfig config;
  config.path = dir.Write("f", "{\"a\":1}\n{\"b\":");
  {
    LineFile file(config);
    REQUIRE(file.Append("{\"c\":3}\n").has_value());
  }
  std::ifstream in(config.path);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  CHECK(text == "{\"a\":1}\n{\"c\":3}\n");
}

TEST_CASE("line file: when the file was moved or deleted, lines go to a new one of its name") {
  TempDir dir;
  FileSinkConfig config;
  config.path = dir.Path("f");
  LineFile file(config);
  REQUIRE(file.Append("1\n").has_value());
  std::filesystem::rename(config.path, dir.Path("moved"));
  REQUIRE(file.Append("2\n").has_value());
  CHECK(std::filesystem::file_size(config.path) == 2);
  CHECK(std::filesystem::file_size(dir.Path("moved")) == 2);
}

TEST_CASE("line file: it is rotated by size, the oldest goes, and no line is lost in between") {
  TempDir dir;
  FileSinkConfig config;
  config.path = dir.Path("f");
  config.rotate_bytes = 4096;
  SUBCASE("keep all") {
    config.keep_files = 0;
  }
  SUBCASE("keep three") {
    config.keep_files = 3;
  }
  LineFile file(config);
  for (int i = 0; i < 1000; ++i) REQUIRE(file.Append("{\"number\":" + std::to_string(100'000 + i) + "}\n").has_value());
  std::set<std::string> lines;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.Path(""))) {
    ++files;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) CHECK(lines.insert(line).second);
  }
  if (config.keep_files == 0) CHECK(lines.size() == 1000);
  if (config.keep_files == 3) CHECK(files <= 4);
  CHECK(lines.contains("{\"number\":100999}"));
}

TEST_CASE("line file: several writers of a process lose no line, tear none, and keep each their order, while the file is rotated") {
  TempDir dir;
  FileSinkConfig config;
  config.path = dir.Path("f");
  config.rotate_bytes = 512;
  config.keep_files = 0;
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < 3; ++writer) writers.emplace_back([&config, writer] { AppendBatches(config, writer); });
  }
  CheckWriters(LinesOf(config.path), 3);
}

TEST_CASE("line file: so do two processes") {
  TempDir dir;
  FileSinkConfig config;
  config.path = dir.Path("f");
  config.rotate_bytes = 512;
  config.keep_files = 0;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    AppendBatches(config, 1);
    ::_exit(0);
  }
  AppendBatches(config, 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CheckWriters(LinesOf(config.path), 2);
}

TEST_CASE("line file: half a line is left alone while its writer holds the lock, and cut when the writer is gone") {
  TempDir dir;
  FileSinkConfig config;
  config.path = dir.Path("f");
  LineFile file(config);
  REQUIRE(file.Append("1\n").has_value());
  {
    Stranger writer(config.path);
    writer.Lock();
    writer.Write("{\"half");
    const Result<void> refused = file.Append("2\n");
    REQUIRE(!refused);
    CHECK(refused.error().code == ErrorCode::kLocked);
    CHECK(refused.error().message.find(config.path) != std::string::npos);
    CHECK(TextOf(config.path) == "1\n{\"half");
    writer.Write("\":1}\n");
    writer.Unlock();
    REQUIRE(file.Append("2\n").has_value());
    CHECK(TextOf(config.path) == "1\n{\"half\":1}\n2\n");
    writer.Lock();
    writer.Write("{\"half");
  }
  REQUIRE(file.Append("3\n").has_value());
  CHECK(TextOf(config.path) == "1\n{\"half\":1}\n2\n3\n");
}

TEST_CASE("line file: a lock on a file that was rotated away holds up nobody") {
  TempDir dir;
  FileSinkConfig config;
  config.path = dir.Path("f");
  config.rotate_bytes = 4;
  LineFile file(config);
  REQUIRE(file.Append("1234\n").has_value());
  const Stranger archiver(config.path + ".1");
  archiver.Lock();
  REQUIRE(file.Append("5\n").has_value());
  CHECK(TextOf(config.path) == "5\n");
}

}  // namespace
}  // namespace sluice
