// A dense square matrix, row by row: from region (row) to region (column). A value type.
#pragma once

#include <cstddef>
#include <vector>

namespace zoetrope::traffic::policy {

template <typename T>
class Matrix {
 public:
  Matrix() = default;
  explicit Matrix(int size, T value = T())
      : size_(size), values_(static_cast<std::size_t>(size) * size, value) {}

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }

  T& at(int row, int column) { return values_[index(row, column)]; }
  const T& at(int row, int column) const { return values_[index(row, column)]; }
  T* row(int row) { return &values_[index(row, 0)]; }
  const T* row(int row) const { return &values_[index(row, 0)]; }

  bool operator==(const Matrix&) const = default;

 private:
  std::size_t index(int row, int column) const {
    return static_cast<std::size_t>(row) * size_ + column;
  }

  int size_ = 0;
  std::vector<T> values_;
};

}  // namespace zoetrope::traffic::policy
