#include "tensor/host_to_device.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/status.h"
#include "tensor/device.h"

namespace zoetrope::tensor {
namespace {

TEST(HostToDeviceTest, BytesAreEqual) {
  if (cuda_device_count() == 0) {
    EXPECT_THROW(HostToDevice(at::Device(at::kCUDA, 0)), std::exception);
    GTEST_SKIP() << "needs a GPU";
  }
  const at::Device device(at::kCUDA, 0);
  HostToDevice uploader(device);
  // Nothing, one byte, what ends with a buffer, and more than both buffers hold.
  std::vector<at::Tensor> from, to;
  const int64_t buffer = int64_t{64} << 20;
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, buffer - 256, int64_t{1000}, buffer,
                              3 * buffer + 7, int64_t{12345}}) {
    from.push_back(at::randint(256, {bytes}, at::kByte));
    to.push_back(uploader.upload(from.back()));
  }
  from.push_back(at::randn({300, 400}).t());
  to.push_back(uploader.upload(from.back()));
  for (size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(to[i].device(), device);
    EXPECT_TRUE(at::equal(to[i].cpu(), from[i])) << i;
  }
}

}  // namespace
}  // namespace zoetrope::tensor
