#include "lowbit/observe/choose_qparams-inl.h"
