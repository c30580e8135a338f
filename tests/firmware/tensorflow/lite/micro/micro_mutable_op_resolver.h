// Written for the tests, see micro_op_resolver.h: a resolver of the operators that the tests' networks have.
#pragma once
#include "tensorflow/lite/micro/micro_op_resolver.h"

TFLM_BEGIN

#define TFLM_OPERATOR(NAME, METHOD, PARSER)                                       \
  TFLMRegistration Register_##NAME();                                             \
  TfLiteStatus PARSER(const Operator*, BuiltinDataAllocator*, void**);
#define TFLM_OPERATORS(ROW)                                                       \
  ROW(ADD, AddAdd, ParseAdd)                                                      \
  ROW(AVERAGE_POOL_2D, AddAveragePool2D, ParsePool)                               \
  ROW(CONV_2D, AddConv2D, ParseConv2D)                                            \
  ROW(DEPTHWISE_CONV_2D, AddDepthwiseConv2D, ParseDepthwiseConv2D)                \
  ROW(FULLY_CONNECTED, AddFullyConnected, ParseFullyConnected)                    \
  ROW(MAX_POOL_2D, AddMaxPool2D, ParsePool)                                       \
  ROW(MEAN, AddMean, ParseReducer)                                                \
  ROW(MUL, AddMul, ParseMul)                                                      \
  ROW(RESHAPE, AddReshape, ParseReshape)                                          \
  ROW(SOFTMAX, AddSoftmax, ParseSoftmax)
TFLM_OPERATORS(TFLM_OPERATOR)

template <unsigned int kCount>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  const TFLMRegistration* FindOp(BuiltinOperator op) const override {
    for (unsigned int i = 0; i < count_; ++i) {
      if (registrations_[i].builtin_code == op) return &registrations_[i];
    }
    return nullptr;
  }
  const TFLMRegistration* FindOp(const char*) const override { return nullptr; }
  BuiltinParseFunction GetOpDataParser(BuiltinOperator op) const override {
    for (unsigned int i = 0; i < count_; ++i) {
      if (registrations_[i].builtin_code == op) return parsers_[i];
    }
    return nullptr;
  }

#define TFLM_METHOD(NAME, METHOD, PARSER) \
  TfLiteStatus METHOD() { return Add(BuiltinOperator_##NAME, Register_##NAME(), PARSER); }
  TFLM_OPERATORS(TFLM_METHOD)

 private:
  TfLiteStatus Add(BuiltinOperator op, const TFLMRegistration& registration, BuiltinParseFunction parser) {
    if (count_ >= kCount || FindOp(op) != nullptr) return kTfLiteError;
    registrations_[count_] = registration;
    registrations_[count_].builtin_code = op;
    parsers_[count_++] = parser;
    return kTfLiteOk;
  }

  TFLMRegistration registrations_[kCount];
  BuiltinParseFunction parsers_[kCount];
  unsigned int count_ = 0;
};

TFLM_END
