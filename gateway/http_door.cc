#include "gateway/http_door.h"

#include <utility>

namespace sluice {

Result<void> HttpDoor::Open(const std::optional<HttpConfig>& config) {
  config_ = config;
  if (!config) return {};
  Result<std::unique_ptr<HttpServer>> opened = HttpServer::Open(loop_, *config, pages_);
  if (!opened) return tl::unexpected<Error>(opened.error());
  server_ = std::move(*opened);
  return {};
}

Result<void> HttpDoor::Prepare(const std::optional<HttpConfig>& config) {
  next_.reset();
  const bool stays = config && config_ && config->listen == config_->listen;
  if (config && !(stays && server_)) {
    Result<std::unique_ptr<HttpServer>> opened = HttpServer::Open(loop_, *config, pages_);
    // An address that could not be had at the start is no reason to refuse whatever else has changed.
    if (!opened && !stays) return tl::unexpected<Error>(opened.error());
    if (opened) next_ = std::move(*opened);
  }
  prepared_ = config;
  return {};
}

void HttpDoor::Commit() {
  // Whoever began to look may not know the new one.
  const bool same_token = config_ && prepared_ && config_->token == prepared_->token;
  if (!same_token) EndEvents();
  if (next_ || !prepared_) CloseServer();
  if (next_) server_ = std::move(next_);
  config_ = prepared_;
  if (server_) server_->SetGuard(*config_);
}

void HttpDoor::EndEvents() {
  if (server_) server_->EndEvents();
  for (const auto& server : leaving_) server->EndEvents();
}

void HttpDoor::CloseServer() {
  if (!server_) return;
  leaving_.push_back(std::move(server_));
  const HttpServer* server = leaving_.back().get();
  leaving_.back()->Close([this, server] { leaving_.remove_if([&](const auto& one) { return one.get() == server; }); });
}

void HttpDoor::GiveUp() {
  if (server_) server_->GiveUp();
  for (const auto& server : leaving_) server->GiveUp();
}

void HttpDoor::EndTasks(bool only_of_gateway) {
  if (server_) server_->EndTasks(only_of_gateway);
  for (const auto& server : leaving_) server->EndTasks(only_of_gateway);
}

}  // namespace sluice
