#include "lowbit/core/error-inl.h"
#include "lowbit/core/sentence-inl.h"
