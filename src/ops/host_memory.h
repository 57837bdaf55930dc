// How the process treats freed memory. Call once from main(), before the first tensor.
#pragma once

namespace zoetrope::ops {

// Keeps freed activation buffers inside the process. By default glibc gives every block above
// 128 KiB back to the kernel, which clears its pages anew at the next allocation: a tenth of a
// U-Net forward on the CPU. The process's size stays at its peak instead of falling between steps.
// Of the heaps that glibc makes for threads it may have two: a server starts threads for every
// request, and with eight a core each keeps the most that any of them ever needed (30 MiB apiece).
void keep_freed_memory();

}  // namespace zoetrope::ops
