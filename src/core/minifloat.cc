#include "lowbit/core/minifloat-inl.h"
