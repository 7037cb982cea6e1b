#include "lowbit/core/shape-inl.h"
#include "lowbit/core/tensor-inl.h"
