// serve as a user runs it: it says where it is, makes clips, stops as asked, goes on where it
// stopped. What the API answers is tested in src/http and tests/clients.
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "integration/fixture.h"
#include "media/file.h"

namespace zoetrope::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Answer {
  int status = 0;
  std::string body;
  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

// One HTTP request to this machine.
Answer ask(int port, const std::string& method, const std::string& target,
           const std::string& content_type = "", const std::string& body = "") {
  const media::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return {};
  std::string text =
      method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  if (!content_type.empty()) text += "Content-Type: " + content_type + "\r\n";
  text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count = send(socket.get(), &text[sent], text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<size_t>(count);
  }
  std::string answer;
  char buffer[4096];
  for (ssize_t count; (count = recv(socket.get(), buffer, sizeof(buffer), 0)) > 0;) {
    answer.append(buffer, static_cast<size_t>(count));
  }
  const size_t end = answer.find("\r\n\r\n");
  if (answer.size() < 12 || end == std::string::npos) return {};
  return {std::stoi(answer.substr(9, 3)), answer.substr(end + 4)};
}

class ServeTest : public CommandLineTest {
 protected:
  Launch serve_launch(const std::vector<std::string>& more = {}) const {
    Launch launch{{"serve", "--port", "0", "--data", in_folder("data"), "--model",
                   model_folder().string(), "--threads", "1"}};
    launch.arguments.insert(launch.arguments.end(), more.begin(), more.end());
    return launch;
  }

  // A form for POST /v1/videos with this test's picture.
  static constexpr const char* kForm = "multipart/form-data; boundary=edge";
  std::string form(const std::map<std::string, std::string>& fields) const {
    std::string body;
    for (const auto& [name, value] : fields) {
      body += "--edge\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value +
              "\r\n";
    }
    const auto png = media::read_file(picture(), 1 << 20).value_or_throw();
    return body +
           "--edge\r\nContent-Disposition: form-data; name=\"input_reference\"; "
           "filename=\"p.png\"\r\nContent-Type: image/png\r\n\r\n" +
           std::string(png.begin(), png.end()) + "\r\n--edge--\r\n";
  }
};

// The port in the line that says that it is ready.
int port_of(Program& program) {
  EXPECT_TRUE(program.wait_for_stderr("msg=ready"));
  EXPECT_TRUE(program.wait_for_stderr("data="));
  const std::string& log = program.stderr_so_far();
  const size_t at = log.find("address=http://127.0.0.1:");
  return at == std::string::npos ? 0 : std::atoi(log.c_str() + at + 25);
}

// The job in one of these states.
nlohmann::json wait_for(int port, const std::string& id, const std::vector<std::string>& states) {
  while (true) {
    const nlohmann::json job = ask(port, "GET", "/v1/videos/" + id).json();
    const std::string status = job.value("status", "gone");
    if (std::ranges::find(states, status) != states.end() || status == "gone") return job;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

TEST_F(ServeTest, MakesAClipAndStopsWhenAsked) {
  Program server(serve_launch());
  const int port = port_of(server);
  EXPECT_EQ(ask(port, "GET", "/health/ready").status, 200);
  const Answer made =
      ask(port, "POST", "/v1/videos", kForm,
          form({{"prompt", "a rocket"}, {"num_inference_steps", "2"}, {"size", "64x64"}}));
  ASSERT_EQ(made.status, 200) << made.body;
  const std::string id = made.json().at("id");
  EXPECT_EQ(wait_for(port, id, {"completed", "failed"}).at("status"), "completed");
  const Answer clip = ask(port, "GET", "/v1/videos/" + id + "/content");
  EXPECT_EQ(clip.status, 200);
  EXPECT_EQ(clip.body.substr(4, 4), "ftyp");
  // Counted once it is stored, so a moment after clients may see it.
  const std::string counted = "zoetrope_jobs_total{outcome=\"completed\"} 1";
  std::string metrics;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    metrics = ask(port, "GET", "/metrics").body;
  } while (metrics.find(counted) == std::string::npos && std::chrono::steady_clock::now() < until);
  EXPECT_THAT(metrics, HasSubstr(counted));
  server.send_signal(SIGTERM);
  const Outcome outcome = server.wait();
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("http://127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(outcome.err, HasSubstr("msg=stopped"));
}

TEST_F(ServeTest, AJobThatWasLetGoIsThereAfterTheNextStart) {
  std::string id;
  {
    Program server(serve_launch({"--drain", "0"}));
    const int port = port_of(server);
    const Answer made = ask(port, "POST", "/v1/videos", kForm,
                            form({{"prompt", "long"}, {"num_inference_steps", "1000"}}));
    ASSERT_EQ(made.status, 200) << made.body;
    id = made.json().at("id");
    EXPECT_EQ(wait_for(port, id, {"in_progress", "failed"}).at("status"), "in_progress");
    server.send_signal(SIGINT);
    EXPECT_EQ(server.wait().exit_code, 0);
  }
  Program server(serve_launch({"--drain", "0"}));
  const int port = port_of(server);
  EXPECT_EQ(wait_for(port, id, {"in_progress", "completed"}).at("id"), id);
  EXPECT_EQ(ask(port, "POST", "/v1/videos/" + id + "/cancel").status, 200);
  EXPECT_EQ(wait_for(port, id, {"cancelled", "completed"}).at("id"), id);
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait().exit_code, 0);
}

TEST_F(ServeTest, ASecondSignalEndsAtOnce) {
  Program server(serve_launch({"--drain", "1h"}));
  const int port = port_of(server);
  const Answer made = ask(port, "POST", "/v1/videos", kForm,
                          form({{"prompt", "long"}, {"num_inference_steps", "1000"}}));
  ASSERT_EQ(made.status, 200) << made.body;
  wait_for(port, made.json().at("id"), {"in_progress", "failed"});
  server.send_signal(SIGTERM);
  EXPECT_TRUE(server.wait_for_stderr("msg=stopping"));
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait().exit_code, 128 + SIGTERM);
}

TEST_F(ServeTest, WrongFlagsAreToldBeforeAnythingStarts) {
  const auto outcome = [&](const std::vector<std::string>& more) {
    return run(serve_launch(more));
  };
  expect_wrong_usage(outcome({"--keep-results", "soon"}), "--keep-results");
  expect_wrong_usage(outcome({"--queue", "-1"}), "--queue");
  expect_wrong_usage(outcome({"--tls-cert", picture()}), "--tls-key");
  expect_wrong_usage(outcome({"--store", "mongodb://x"}), "store");
  expect_wrong_usage(outcome({"--host", "0.0.0.0"}), "key");
  expect_refused(outcome({"--keys", in_folder("none")}), "none");
  Launch in_a_file = serve_launch();
  in_a_file.arguments[4] = picture();
  EXPECT_NE(run(in_a_file).exit_code, 0);
}

TEST_F(ServeTest, OneFolderHasOneServer) {
  Program server(serve_launch());
  port_of(server);
  const Outcome second = run(serve_launch());
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr("jobs.sqlite"));
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait().exit_code, 0);
}

TEST_F(ServeTest, KeysAreMadeForTheFileAndForOneLook) {
  const Outcome outcome = run({"key", "anna"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, StartsWith("anna:"));
  EXPECT_THAT(outcome.err, HasSubstr("zt-"));
  EXPECT_THAT(outcome.out, ::testing::Not(HasSubstr("zt-")));
  expect_wrong_usage(run({"key", "two words"}), "name");
}

}  // namespace
}  // namespace zoetrope::integration
