// HTTP as the configuration has it at the moment: served or not, where, and for whom. A server whose address is not wanted any more ends
// the answers that it is giving, so that whoever asked for the change hears what became of it.
//
// Loop thread.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "config/config.h"
#include "gateway/http_pages.h"
#include "gateway/http_server.h"
#include "gateway/loop.h"
#include "gateway/result.h"

namespace sluice {

class HttpDoor {
 public:
  /// `loop` and `pages` outlive the door.
  HttpDoor(Loop& loop, const HttpPages& pages) : loop_(loop), pages_(pages) {}

  /// At the start. What cannot be had is tried again by each Prepare.
  Result<void> Open(const std::optional<HttpConfig>& config);
  /// Makes ready what `config` asks for; nothing: not to be served. On failure, which is that another address than before cannot be had,
  /// all is as it was.
  Result<void> Prepare(const std::optional<HttpConfig>& config);
  /// Puts in force what was prepared last.
  void Commit();
  // As those of HttpServer.
  void GiveUp();
  void EndTasks(bool only_of_gateway);

 private:
  void EndEvents();
  void CloseServer();

  Loop& loop_;
  const HttpPages& pages_;
  std::optional<HttpConfig> config_;    // In force,
  std::optional<HttpConfig> prepared_;  // and to be.
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<HttpServer> next_;
  std::list<std::unique_ptr<HttpServer>> leaving_;
};

}  // namespace sluice
