// What a process did to the files of one directory, in order, with the moments at which it acknowledged an event; as recorded by
// tests/e2e/file_trace.py.
//
// File format, repeated: kind (1 byte), length of the name (u32), number (u64), length of the data (u32), name, data; little-endian.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct Operation {
  enum class Kind : char {
    kCreate = 'C',    ///< Also of a file that is there: then nothing.
    kWrite = 'W',     ///< `data` at offset `number`.
    kAppend = 'A',    ///< `data` at the end.
    kTruncate = 'T',  ///< To `number` bytes.
    kExtend = 'E',    ///< To `number` bytes at least.
    kSync = 'S',      ///< `name` empty: the directory.
    kRename = 'R',    ///< To the name in `data`.
    kUnlink = 'U',
    kAck = 'K',  ///< Event `number` was acknowledged.
  } kind;
  std::string name;
  std::uint64_t number = 0;
  std::string data;
};

/// Empty if there is no such file.
std::vector<Operation> ReadOperations(const std::string& path);

}  // namespace sluice
