#include "drivers/http_client.h"

#include <curl/curl.h>
#include <strings.h>

#include <string_view>
#include <utility>

namespace sluice {
namespace {

constexpr long kMaxIdleConnections = 4;
constexpr std::time_t kLatestDate = 9'000'000'000;  // In 2255: later than that nanoseconds do not count.

void Append(curl_slist*& list, const std::string& line) {
  list = curl_slist_append(list, line.c_str());
}

// The value of a header line if it has this name.
std::optional<std::string_view> ValueOf(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':' || strncasecmp(line.data(), name.data(), name.size()) != 0)
    return std::nullopt;
  line.remove_prefix(name.size() + 1);
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return std::string_view();
  return line.substr(first, line.find_last_not_of(" \t\r\n") + 1 - first);
}

}  // namespace

/// One request on its way, and what has come back so far.
struct HttpClient::Exchange {
  HttpRequest request;
  Done done;
  HttpAnswer answer;
  std::size_t received = 0;
  CURL* const easy = curl_easy_init();
  curl_slist* headers = nullptr;
  char why[CURL_ERROR_SIZE] = "";

  Exchange(HttpRequest what, Done when_done) : request(std::move(what)), done(std::move(when_done)) { Prepare(); }
  ~Exchange() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void Prepare();
  void PrepareTls();
  void PrepareCallbacks();
  bool HasRoomFor(std::size_t size);
  void OnHeader(std::string_view line);
  Result<HttpAnswer> Conclude(CURLcode code);

  template <typename Value>
  void Set(CURLoption option, Value value) {
    curl_easy_setopt(easy, option, value);
  }
};

void HttpClient::Exchange::Prepare() {
  Set(CURLOPT_URL, request.url.c_str());
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  // Otherwise giving up a request whose name is still being resolved waits for the resolver: on a dead link for many seconds.
  Set(CURLOPT_QUICK_EXIT, 1L);
  // An empty text keeps the environment's proxy out.
  Set(CURLOPT_PROXY, request.proxy.c_str());
  Set(CURLOPT_NOPROXY, "");
  Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_limit.count()));
  Set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.time_limit.count()));
  for (const Property& header : request.headers) Append(headers, header.name + ": " + header.value);
  if (request.body) {
    Append(headers, "Expect:");  // No "100-continue": it costs a round trip, or a second where it is not known.
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
    Set(CURLOPT_POSTFIELDS, request.body->data());
  }
  Set(CURLOPT_HTTPHEADER, headers);
  PrepareTls();
  PrepareCallbacks();
}

void HttpClient::Exchange::PrepareTls() {
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const TlsConfig& tls = request.tls;
  if (!tls.ca_file.empty()) {
    Set(CURLOPT_CAINFO, tls.ca_file.c_str());
    Set(CURLOPT_CAPATH, static_cast<char*>(nullptr));  // Or the system's CAs would be trusted as well.
  }
  if (tls.cert_file.empty()) return;
  Set(CURLOPT_SSLCERT, tls.cert_file.c_str());
  Set(CURLOPT_SSLKEY, tls.key_file.c_str());
  Set(CURLOPT_KEYPASSWD, tls.key_password.c_str());
}

void HttpClient::Exchange::PrepareCallbacks() {
  const curl_write_callback on_header = [](char* data, std::size_t, std::size_t size, void* self) -> std::size_t {
    auto& exchange = *static_cast<Exchange*>(self);
    if (!exchange.HasRoomFor(size)) return 0;
    exchange.OnHeader({data, size});
    return size;
  };
  const curl_write_callback on_body = [](char* data, std::size_t, std::size_t size, void* self) -> std::size_t {
    auto& exchange = *static_cast<Exchange*>(self);
    if (!exchange.HasRoomFor(size)) return 0;
    exchange.answer.body.append(data, size);
    return size;
  };
  Set(CURLOPT_ERRORBUFFER, why);
  Set(CURLOPT_HEADERFUNCTION, on_header);
  Set(CURLOPT_HEADERDATA, this);
  Set(CURLOPT_WRITEFUNCTION, on_body);
  Set(CURLOPT_WRITEDATA, this);
}

bool HttpClient::Exchange::HasRoomFor(std::size_t size) {
  received += size;
  return received <= request.max_answer;
}

void HttpClient::Exchange::OnHeader(std::string_view line) {
  if (line.starts_with("HTTP/")) answer = {};  // What came before was a 1xx.
  if (const auto type = ValueOf(line, "Content-Type")) answer.content_type = *type;
  if (const auto id = ValueOf(line, "x-amzn-RequestId")) answer.request_id = *id;
  if (const auto date = ValueOf(line, "Date")) {
    const std::time_t seconds = curl_getdate(std::string(*date).c_str(), nullptr);
    if (seconds > 0 && seconds < kLatestDate) answer.date = WallTime(std::chrono::seconds(seconds));
  }
}

Result<HttpAnswer> HttpClient::Exchange::Conclude(CURLcode code) {
  if (received > request.max_answer) return Fail(ErrorCode::kUnavailable, "the answer is larger than is sensible");
  if (code != CURLE_OK) return Fail(ErrorCode::kUnavailable, why[0] != '\0' ? why : curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  return std::move(answer);
}

HttpClient::HttpClient(Loop& loop)
    : loop_(loop),
      multi_((curl_global_init(CURL_GLOBAL_DEFAULT), curl_multi_init())),
      timer_(loop.NewTimer([this] { Act(CURL_SOCKET_TIMEOUT, 0); })) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &HttpClient::OnSocketWanted);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &HttpClient::OnTimerWanted);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kMaxIdleConnections);
}

HttpClient::~HttpClient() {
  CancelAll();
  curl_multi_cleanup(multi_);
  curl_global_cleanup();
}

void HttpClient::Send(HttpRequest request, Done done) {
  auto exchange = std::make_unique<Exchange>(std::move(request), std::move(done));
  CURL* easy = exchange->easy;
  exchanges_.emplace(easy, std::move(exchange));
  curl_multi_add_handle(multi_, easy);
}

void HttpClient::CancelAll() {
  for (auto& [easy, exchange] : exchanges_) curl_multi_remove_handle(multi_, easy);
  exchanges_.clear();
}

int HttpClient::OnSocketWanted(void* /*easy*/, int fd, int what, void* self, void* /*unused*/) {
  auto& client = *static_cast<HttpClient*>(self);
  if (what == CURL_POLL_REMOVE) {
    client.watches_.erase(fd);
    return 0;
  }
  std::unique_ptr<FdWatch>& watch = client.watches_[fd];
  if (watch == nullptr) watch = std::make_unique<FdWatch>(client.loop_, fd, [&client, fd](int ready) { client.Act(fd, ready); });
  watch->SetEvents(((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) | ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0));
  return 0;
}

int HttpClient::OnTimerWanted(void* /*multi*/, long delay_ms, void* self) {
  Timer& timer = *static_cast<HttpClient*>(self)->timer_;
  if (delay_ms < 0) {
    timer.Stop();
  } else {
    timer.Start(std::chrono::milliseconds(delay_ms));
  }
  return 0;
}

void HttpClient::Act(int fd, int ready) {
  const int mask = ((ready & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0) | ((ready & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0);
  int running = 0;
  curl_multi_socket_action(multi_, fd, mask, &running);
  Finish();
}

void HttpClient::Finish() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    auto found = exchanges_.find(message->easy_handle);
    const std::unique_ptr<Exchange> exchange = std::move(found->second);
    exchanges_.erase(found);
    curl_multi_remove_handle(multi_, exchange->easy);
    exchange->done(exchange->Conclude(code));
  }
}

}  // namespace sluice
