// Runs CUDA C++ kernels on the host: one fiber a thread, one block after another.
// The text of the kernels follows this header, then their table and entry.h.
#pragma once

#include "launch.h"
