#include "gateway/process_facts.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace sluice {
namespace {

// The number behind `name` in a file of lines "name number".
std::optional<std::uint64_t> NumberIn(const char* file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string word; lines >> word;) {
    std::uint64_t number = 0;
    if (word == name && lines >> number) return number;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> CountFds() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return std::nullopt;
  std::uint64_t entries = 0;
  while (::readdir(directory) != nullptr) ++entries;
  ::closedir(directory);
  return entries - 3;  // ".", ".." and the directory itself.
}

// proc(5): the fields behind the name, which may hold spaces; the first of them is the state, field 3.
void ReadStat(ProcessFacts& facts) {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  for (int field = 16; field < 22; ++field) fields >> skipped;
  double start = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_pages = 0;
  if (!(fields >> start >> virtual_bytes >> resident_pages)) return;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  facts.cpu_seconds = (user + system) / ticks;
  facts.virtual_bytes = virtual_bytes;
  facts.resident_bytes = resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (const auto boot = NumberIn("/proc/stat", "btime")) facts.start_time = static_cast<double>(*boot) + start / ticks;
}

}  // namespace

ProcessFacts ReadProcessFacts() {
  ProcessFacts facts;
  ReadStat(facts);
  facts.open_fds = CountFds();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.max_fds = limit.rlim_cur;
  facts.written_bytes = NumberIn("/proc/self/io", "write_bytes:");
  return facts;
}

}  // namespace sluice
