#include "eval/figures.h"

#include <array>

namespace zoetrope::eval {
namespace {

using enum Better;
using enum Kind;

constexpr std::array kFigures = {
    FigureInfo{"ref_psnr", "PSNR to reference, dB", kToReference, kHigher, 1, 2},
    FigureInfo{"ref_ssim", "SSIM to reference", kToReference, kHigher, 1, 4},
    FigureInfo{"ref_perceptual", "perceptual distance to reference", kToReference, kLower, 1, 4},
    FigureInfo{"ref_lpips", "LPIPS to reference", kToReference, kLower, 1, 4},
    FigureInfo{"ref_motion_ratio", "motion / reference's", kOfSet, kNeither, 1, 3},
    FigureInfo{"first_frame_psnr", "frame 0 PSNR, dB", kOfClip, kHigher, 1, 2},
    FigureInfo{"own_first_frame_psnr", "frame 0 PSNR, own, dB", kOfClip, kHigher, 1, 2},
    FigureInfo{"motion", "motion, %", kOfClip, kNeither, 100, 2},
    FigureInfo{"motion_ratio", "motion / real", kOfSet, kNeither, 1, 3},
    FigureInfo{"motion_log_distance", "motion, |log| distance to real", kOfClip, kLower, 1, 3},
    FigureInfo{"motion_correlation", "motion, log correlation with real", kOfSet, kHigher, 1, 2},
    FigureInfo{"frechet", "video Frechet distance to real", kOfSet, kLower, 1, 2},
    FigureInfo{"truth_psnr", "PSNR to real, dB", kOfClip, kNeither, 1, 2},
    FigureInfo{"jerk", "jerk", kOfClip, kNeither, 1, 3},
    FigureInfo{"flicker", "flickering pixels, %", kOfClip, kLower, 100, 3},
    FigureInfo{"sharpness", "sharpness / real", kOfClip, kNeither, 1, 3},
    FigureInfo{"dirty_white", "dirty white, %", kOfClip, kLower, 100, 2},
    FigureInfo{"novel_colour", "novel colour, %", kOfClip, kLower, 100, 2},
};

}  // namespace

std::span<const FigureInfo> all_figures() { return kFigures; }

}  // namespace zoetrope::eval
