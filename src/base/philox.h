// Counter-based random numbers: every draw is a pure function of (key, counter), so a value depends
// neither on the order of evaluation nor on batch, device or sharding.
//
// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
// The normal map is Wichura's AS241 (PPND16) in fp64 with its own logarithm, written only in IEEE
// add, multiply, divide and sqrt, which every conforming CPU and GPU rounds alike: the CPU and CUDA
// builds give equal bits (compile with -ffp-contract=off and nvcc --fmad=false).
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define ZT_HOST_DEVICE __host__ __device__
#else
#define ZT_HOST_DEVICE
#endif

namespace zoetrope::base {

struct Philox4 {
  uint32_t word[4];
};

ZT_HOST_DEVICE inline Philox4 philox4x32(uint64_t key, uint64_t counter_low,
                                         uint64_t counter_high) {
  uint32_t k0 = static_cast<uint32_t>(key);
  uint32_t k1 = static_cast<uint32_t>(key >> 32);
  uint32_t c0 = static_cast<uint32_t>(counter_low);
  uint32_t c1 = static_cast<uint32_t>(counter_low >> 32);
  uint32_t c2 = static_cast<uint32_t>(counter_high);
  uint32_t c3 = static_cast<uint32_t>(counter_high >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0;
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Uniform in (0, 1), never 0 or 1, 53 bits.
ZT_HOST_DEVICE inline double uniform_open(uint32_t high, uint32_t low) {
  const uint64_t bits = (static_cast<uint64_t>(high) << 32 | low) >> 11;
  return (static_cast<double>(bits) + 0.5) * (1.0 / 9007199254740992.0);
}

namespace philox_detail {

// Natural logarithm of x in (0, 1), by halving to [1/sqrt2, sqrt2) and the atanh series.
ZT_HOST_DEVICE inline double log_open(double x) {
  int exponent = 0;
  while (x < 0.70710678118654752440) {
    x *= 2.0;
    --exponent;
  }
  const double z = (x - 1.0) / (x + 1.0);  // |z| < 0.1716
  const double w = z * z;
  double series = 0.0;
  for (int k = 10; k >= 0; --k) series = series * w + 1.0 / (2.0 * k + 1.0);
  return 2.0 * z * series + exponent * 0.69314718055994530942;
}

ZT_HOST_DEVICE inline double horner(const double* c,
                                    double x) {  // eight coefficients, c[0] constant
  double y = c[7];
  for (int i = 6; i >= 0; --i) y = y * x + c[i];
  return y;
}

}  // namespace philox_detail

#ifdef __CUDACC__
ZT_HOST_DEVICE inline double ieee_sqrt(double x) {
#ifdef __CUDA_ARCH__
  return __dsqrt_rn(x);
#else
  return __builtin_sqrt(x);
#endif
}
#else
inline double ieee_sqrt(double x) { return __builtin_sqrt(x); }
#endif

// Quantile of the standard normal distribution, p in (0, 1); relative error about 1e-16.
ZT_HOST_DEVICE inline double normal_quantile(double p) {
  const double a[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                       1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                       3.3430575583588128105e+4, 2.5090809287301226727e+3};
  const double b[8] = {1.0,
                       4.2313330701600911252e+1,
                       6.8718700749205790830e+2,
                       5.3941960214247511077e+3,
                       2.1213794301586595867e+4,
                       3.9307895800092710610e+4,
                       2.8729085735721942674e+4,
                       5.2264952788528545610e+3};
  const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                       5.76949722146069140550e0,  3.64784832476320460504e0,
                       1.27045825245236838258e0,  2.41780725177450611770e-1,
                       2.27238449892691845833e-2, 7.74545014278341407640e-4};
  const double d[8] = {1.0,
                       2.05319162663775882187e0,
                       1.67638483018380384940e0,
                       6.89767334985100004550e-1,
                       1.48103976427480074590e-1,
                       1.51986665636164571966e-2,
                       5.47593808499534494600e-4,
                       1.05075007164441684324e-9};
  const double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                       1.78482653991729133580e0,  2.96560571828504891230e-1,
                       2.65321895265761230930e-2, 1.24266094738807843860e-3,
                       2.71155556874348757815e-5, 2.01033439929228813265e-7};
  const double f[8] = {1.0,
                       5.99832206555887937690e-1,
                       1.36929880922735805310e-1,
                       1.48753612908506148525e-2,
                       7.86869131145613259100e-4,
                       1.84631831751005468180e-5,
                       1.42151175831644588870e-7,
                       2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * philox_detail::horner(a, r) / philox_detail::horner(b, r);
  }
  double r = ieee_sqrt(-philox_detail::log_open(q < 0.0 ? p : 1.0 - p));
  double value;
  if (r <= 5.0) {
    r -= 1.6;
    value = philox_detail::horner(c, r) / philox_detail::horner(d, r);
  } else {
    r -= 5.0;
    value = philox_detail::horner(e, r) / philox_detail::horner(f, r);
  }
  return q < 0.0 ? -value : value;
}

// The element `index` of the standard normal stream `stream` of `seed`.
ZT_HOST_DEVICE inline float normal_at(uint64_t seed, uint64_t stream, uint64_t index) {
  const Philox4 r = philox4x32(seed, index, stream);
  return static_cast<float>(normal_quantile(uniform_open(r.word[0], r.word[1])));
}

// The element `index` of the uniform (0, 1) stream `stream` of `seed`.
ZT_HOST_DEVICE inline double uniform_at(uint64_t seed, uint64_t stream, uint64_t index) {
  const Philox4 r = philox4x32(seed, index, stream);
  return uniform_open(r.word[0], r.word[1]);
}

}  // namespace zoetrope::base
