#include "rehearsal/free_ports.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <fstream>
#include <random>

namespace zoetrope::rehearsal {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int kFirst = 10'000, kLast = 65'535;

}  // namespace

PortRange ports_of_connections() {
  PortRange range, read;
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  if (file >> read.first >> read.last) range = read;
  return range;
}

base::Result<std::vector<uint16_t>> free_ports(int count) {
  const PortRange taken = ports_of_connections();
  asio::io_context io;
  // Held until all are known, so that none comes twice.
  std::deque<tcp::acceptor> held;
  std::vector<uint16_t> ports;
  // Two rehearsals that start at the same time should not ask for the same ones.
  std::random_device random;
  const int start = std::uniform_int_distribution(0, kLast - kFirst)(random);
  for (int i = 0; i <= kLast - kFirst && std::ssize(ports) < count; ++i) {
    const int port = kFirst + (start + i) % (kLast - kFirst + 1);
    if (port >= taken.first && port <= taken.last) continue;
    boost::system::error_code error;
    tcp::acceptor acceptor(io);
    acceptor.open(tcp::v4(), error);
    if (error) return base::unavailable("no free port: " + error.message());
    acceptor.bind({asio::ip::address_v4::loopback(), static_cast<uint16_t>(port)}, error);
    if (error) continue;
    held.push_back(std::move(acceptor));
    ports.push_back(static_cast<uint16_t>(port));
  }
  if (std::ssize(ports) == count) return ports;
  return base::unavailable(fmt::format("{} free ports outside {}-{} wanted, {} found", count,
                                       taken.first, taken.last, ports.size()));
}

}  // namespace zoetrope::rehearsal
