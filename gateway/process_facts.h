// What the kernel says of this process. What it does not say, in a sandbox, is left out.
#pragma once

#include <cstdint>
#include <optional>

namespace sluice {

struct ProcessFacts {
  std::optional<double> cpu_seconds;
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> virtual_bytes;
  std::optional<std::uint64_t> open_fds;
  std::optional<std::uint64_t> max_fds;
  std::optional<double> start_time;            ///< Seconds since 1970.
  std::optional<std::uint64_t> written_bytes;  ///< That the process has caused to be written to disks.
};

/// Reads some small files of /proc: no disk is asked.
ProcessFacts ReadProcessFacts();

}  // namespace sluice
