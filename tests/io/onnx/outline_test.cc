// SPDX-License-Identifier: Apache-2.0
// The outline of an ONNX file: with the payloads put back it is the file.
#include "io/onnx/outline.h"

#include <gtest/gtest.h>

#include "io/onnx/onnx_builder.h"

namespace lowbit::onnx_import {
namespace {

using testing::OnnxBuilder;

onnx::ModelProto some_model() {
  OnnxBuilder b;
  b.input("x", {0, 4}).output("y");
  b.random("fields", {2, 3}), b.integers("shape", {0, -1});
  b.tensor("raw", {2}, onnx::TensorProto::FLOAT).set_raw_data("abcdefgh");
  b.tensor("empty", {0}, onnx::TensorProto::FLOAT).set_raw_data("");
  b.node("Constant", {}, "c").with("axis", -1).with("alpha", 0.5f);
  onnx::AttributeProto& value = *b.graph().mutable_node(0)->add_attribute();
  value.set_name("value");
  value.mutable_t()->set_raw_data(std::string(1000, 'q'));
  // A branch of an If.
  onnx::AttributeProto& body = *b.graph().mutable_node(0)->add_attribute();
  body.mutable_g()->add_initializer()->set_raw_data("body");
  b.model().set_producer_name("test");
  return b.model();
}

void put_back(onnx::TensorProto& t, const Outline& outline, const std::string& bytes) {
  if (!t.has_raw_data()) return;
  const Payload* payload = find_payload(outline.payloads, t.raw_data());
  ASSERT_NE(payload, nullptr);
  t.set_raw_data(bytes.substr(payload->offset, payload->bytes));
}

TEST(Outline, IsTheModelButForPayloads) {
  const std::string bytes = some_model().SerializeAsString();
  Outline outline;
  ASSERT_TRUE(make_outline(ByteSource(std::as_bytes(std::span(bytes))), outline));
  EXPECT_EQ(outline.payloads.size(), 4u);
  EXPECT_LT(outline.model.size() + 900, bytes.size());
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(outline.model));
  for (auto& t : *model.mutable_graph()->mutable_initializer()) put_back(t, outline, bytes);
  for (auto& node : *model.mutable_graph()->mutable_node())
    for (auto& a : *node.mutable_attribute())
      if (a.has_t())
        put_back(*a.mutable_t(), outline, bytes);
      else if (a.has_g())
        put_back(*a.mutable_g()->mutable_initializer(0), outline, bytes);
  EXPECT_EQ(model.SerializeAsString(), bytes);
}

TEST(Outline, AFileCannotNameAPayload) {
  const std::vector<Payload> payloads{{10, 4}};
  EXPECT_EQ(find_payload(payloads, std::string("\1\0\0\0\0\0\0\0", 8)), nullptr);
  EXPECT_EQ(find_payload(payloads, "abc"), nullptr);
  EXPECT_EQ(find_payload(payloads, std::string(8, '\0')), &payloads[0]);
  // Eight bytes of content that look like a number are content.
  OnnxBuilder b;
  b.tensor("raw", {2}, onnx::TensorProto::FLOAT).set_raw_data(std::string(8, '\0'));
  b.tensor("other", {2}, onnx::TensorProto::FLOAT).set_raw_data(std::string(8, '\0'));
  const std::string bytes = b.bytes();
  Outline outline;
  ASSERT_TRUE(make_outline(ByteSource(std::as_bytes(std::span(bytes))), outline));
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(outline.model));
  EXPECT_EQ(find_payload(outline.payloads, model.graph().initializer(1).raw_data()), &outline.payloads[1]);
}

TEST(Outline, RefusesWhatIsNoMessage) {
  const auto outlined = [](const std::string& bytes) {
    Outline outline;
    return make_outline(ByteSource(std::as_bytes(std::span(bytes))), outline);
  };
  EXPECT_TRUE(outlined(""));
  EXPECT_FALSE(outlined(std::string("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10)))
      << "a length beyond the end";
  EXPECT_FALSE(
      outlined("\x3a\x05"
               "abc"))
      << "a graph that is cut off";
  EXPECT_FALSE(outlined(std::string("\x00\x01", 2))) << "field 0";
  EXPECT_FALSE(outlined("\x0b")) << "a group";
  EXPECT_FALSE(outlined(std::string(12, '\xff'))) << "a number that does not end";
}

}  // namespace
}  // namespace lowbit::onnx_import
