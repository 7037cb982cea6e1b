#include "lowbit/core/packing-inl.h"
