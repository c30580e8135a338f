// Written for the tests: the signatures of TFLM's own headers, which no package holds. Those of tflite::micro fit the binary of the
// package tflite-micro, so that what is compiled with them runs on TFLM itself.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tensorflow/lite/micro/tflm_namespace.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace tflite {
struct Operator;
}

TFLM_BEGIN

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
struct TfLiteContext;
struct TfLiteNode;
class BuiltinDataAllocator;

struct TFLMRegistration {
  void* (*init)(TfLiteContext*, const char*, size_t);
  void (*free)(TfLiteContext*, void*);
  TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*);
  TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*);
  void (*reset)(TfLiteContext*, void*);
  int32_t builtin_code;
  const char* custom_name;
};

class MicroOpResolver {
 public:
  typedef TfLiteStatus (*BuiltinParseFunction)(const Operator*, BuiltinDataAllocator*, void**);
  virtual const TFLMRegistration* FindOp(BuiltinOperator op) const = 0;
  virtual const TFLMRegistration* FindOp(const char* op) const = 0;
  virtual BuiltinParseFunction GetOpDataParser(BuiltinOperator op) const = 0;
  virtual ~MicroOpResolver() {}
};

TFLM_END
