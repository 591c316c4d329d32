#include "gateway/http_exchange.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "gateway/json_text.h"

namespace sluice {
namespace {

constexpr const char* kLinesType = "application/x-ndjson";
constexpr std::size_t kBlock = 32u << 10;

struct FreeResponse {
  void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
using Response = std::unique_ptr<MHD_Response, FreeResponse>;

int SocketOf(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

// Ours, that the client connected to; an IPv4 address as such, also on a socket for both.
std::string OwnIp(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char text[INET6_ADDRSTRLEN] = "";
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  if (address.ss_family == AF_INET) inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&address)->sin_addr, text, sizeof text);
  if (address.ss_family == AF_INET6) inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr, text, sizeof text);
  const std::string_view ip = text;
  constexpr std::string_view kMapped = "::ffff:";
  return std::string(ip.starts_with(kMapped) && ip.find('.') != std::string_view::npos ? ip.substr(kMapped.size()) : ip);
}

void AddHeaders(MHD_Response* response, const std::string& type) {
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type.c_str());
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
}

std::string ErrorLine(const std::string& reason) {
  return JsonLine(nlohmann::json{{"error", reason}});
}

}  // namespace

HttpExchange::HttpExchange(const Surroundings& surroundings, MHD_Connection* connection, const char* path, const char* method)
    : surroundings_(surroundings), connection_(connection) {
  request_.path = path;
  request_.method = method;
  request_.over_tcp = surroundings.over_tcp;
  ReadHeader();
}

void HttpExchange::ReadHeader() {
  const auto header = [&](const char* name) {
    const char* value = MHD_lookup_connection_value(connection_, MHD_HEADER_KIND, name);
    return std::string(value != nullptr ? value : "");
  };
  request_.host = header(MHD_HTTP_HEADER_HOST);
  request_.authorization = header(MHD_HTTP_HEADER_AUTHORIZATION);
  body_bytes_ = std::strtoull(header(MHD_HTTP_HEADER_CONTENT_LENGTH).c_str(), nullptr, 10);
  if (request_.over_tcp) request_.own_ip = OwnIp(SocketOf(connection_));
  const auto add = [](void* query, MHD_ValueKind, const char* name, const char* value) {
    static_cast<decltype(request_.query)*>(query)->emplace_back(name, value != nullptr ? value : "true");
    return MHD_YES;
  };
  MHD_get_connection_values(connection_, MHD_GET_ARGUMENT_KIND, add, &request_.query);
}

MHD_Result HttpExchange::OnHeader() {
  if (body_bytes_ <= kMaxDrain) return MHD_YES;
  asked_ = true;
  Dispatch();
  return Queue();
}

MHD_Result HttpExchange::OnAccess(const char* data, std::size_t* size) {
  if (*size > 0) return Take(data, std::exchange(*size, 0));
  if (!std::exchange(asked_, true) && !reply_) Dispatch();
  if (reply_) return Queue();
  if (has_lines_) return QueueStream();
  Suspend();
  return MHD_YES;
}

// A body that was not announced may be of any size.
MHD_Result HttpExchange::Take(const char* data, std::size_t size) {
  came_ += size;
  body_bytes_ = std::max(body_bytes_, came_);
  if (body_bytes_ > kMaxDrain) return MHD_NO;
  if (body_bytes_ <= kMaxBody) request_.body.append(data, size);
  return MHD_YES;
}

void HttpExchange::Dispatch() {
  if (body_bytes_ > kMaxBody) return SetReply(ErrorReply(413, "a request has at most " + std::to_string(kMaxBody) + " bytes"));
  HttpPages::Plan plan = surroundings_.pages.Find(request_, surroundings_.guard, *this);
  if (plan.reply) return SetReply(std::move(*plan.reply));
  if (plan.is_stream && !surroundings_.may_stream()) return SetReply(ErrorReply(503, "too many answers are under way; try again"));
  is_stream_ = plan.is_stream;
  shows_events_ = plan.shows_events;
  awaited_ = true;
  if (plan.page) {
    return plan.page([this](HttpReply reply) {
      awaited_ = false;
      SetReply(std::move(reply));
    });
  }
  task_ = std::move(plan.task);
  task_->Next();
}

void HttpExchange::SetReply(HttpReply reply) {
  reply_ = std::move(reply);
  Wake();
}

// A document is gathered. So is the first piece of a stream, until it is known whether more comes at once: a short answer has its length,
// and a status that tells whether it failed.
void HttpExchange::Send(std::string lines) {
  told_ = false;
  if (!IsWanted()) return task_->Next();
  text_.erase(0, std::exchange(taken_, 0));
  text_ += lines;
  if (is_stream_ && std::exchange(has_piece_, true)) return Begin();
  told_ = true;
  task_->Next();
  if (is_stream_ && awaited_ && !has_lines_) Begin();
}

void HttpExchange::Begin() {
  has_lines_ = true;
  Wake();
}

void HttpExchange::Finish(const std::optional<std::string>& error) {
  awaited_ = false;
  const std::string reason = error ? *error : given_up_ ? "the daemon stops, or its configuration is reloaded" : "";
  failed_ = !reason.empty();
  if (has_lines_) {
    text_.erase(0, std::exchange(taken_, 0));
    if (failed_) text_ += ErrorLine(reason);
    return Wake();
  }
  if (failed_ && text_.empty()) return SetReply(ErrorReply(503, reason));
  if (failed_) return SetReply({.status = 503, .type = kLinesType, .body = text_ + ErrorLine(reason)});
  SetReply({.type = is_stream_ ? kLinesType : kJsonType, .body = std::move(text_)});
}

MHD_Result HttpExchange::Queue() {
  std::string& body = reply_->body;
  const Response response(MHD_create_response_from_buffer(body.size(), body.data(), MHD_RESPMEM_MUST_COPY));
  if (!response) return MHD_NO;
  AddHeaders(response.get(), reply_->type);
  if (!reply_->allow.empty()) MHD_add_response_header(response.get(), MHD_HTTP_HEADER_ALLOW, reply_->allow.c_str());
  if (reply_->challenge) MHD_add_response_header(response.get(), MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
  return MHD_queue_response(connection_, reply_->status, response.get());
}

MHD_Result HttpExchange::QueueStream() {
  const auto read = [](void* exchange, std::uint64_t, char* buffer, std::size_t size) {
    return static_cast<HttpExchange*>(exchange)->Read(buffer, size);
  };
  const Response response(MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kBlock, read, this, nullptr));
  if (!response) return MHD_NO;
  AddHeaders(response.get(), kLinesType);
  return MHD_queue_response(connection_, MHD_HTTP_OK, response.get());
}

ssize_t HttpExchange::Read(char* buffer, std::size_t size) {
  if (aborted_) return MHD_CONTENT_READER_END_WITH_ERROR;
  while (taken_ == text_.size()) {
    if (!awaited_) return failed_ ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    if (std::exchange(told_, true)) {
      Suspend();
      return 0;
    }
    task_->Next();
  }
  const std::size_t part = std::min(size, text_.size() - taken_);
  std::memcpy(buffer, text_.data() + taken_, part);
  taken_ += part;
  return static_cast<ssize_t>(part);
}

void HttpExchange::OnCompleted() {
  connection_ = nullptr;
  suspended_ = false;
  // It waits for lines to be taken that nobody takes any more.
  if (awaited_ && has_lines_ && !std::exchange(told_, true)) task_->Next();
  surroundings_.on_change();
}

void HttpExchange::EndTask(bool only_of_gateway) {
  if (task_ && awaited_ && EndsWithReload(*task_, only_of_gateway)) EndTask();
}

void HttpExchange::EndEvents() {
  if (awaited_ && shows_events_) EndTask();
}

void HttpExchange::EndTask() {
  GiveUp();
  // Not destroyed: an answer of the store may still be on its way to the task, which then ends by itself.
  if (has_lines_ && !std::exchange(told_, true)) task_->Next();
}

void HttpExchange::CheckClient() {
  if (!suspended_) return;
  pollfd socket{SocketOf(connection_), POLLRDHUP, 0};
  if (::poll(&socket, 1, 0) > 0) Abort();
}

void HttpExchange::Abort() {
  aborted_ = true;
  GiveUp();
  if (!has_lines_ && !reply_) reply_ = ErrorReply(503, "the daemon is stopping");
  Wake();
}

void HttpExchange::Suspend() {
  suspended_ = true;
  MHD_suspend_connection(connection_);
}

void HttpExchange::Wake() {
  if (std::exchange(suspended_, false)) MHD_resume_connection(connection_);
  surroundings_.on_change();
}

}  // namespace sluice
