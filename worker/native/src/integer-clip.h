// What both halves of a level's integer kernels use. Included first inside a level's own namespace.

inline int8_t clip(int32_t v) { return static_cast<int8_t>(v > 127 ? 127 : v < -127 ? -127 : v); }

// What one row of a product still needs: the correction of its sum (VNNI wants one factor unsigned), its x·B times its
// member's sign, and its member's A (null for none).
struct RowTerm {
  int32_t correction;
  int32_t projection;
  const int8_t* a;
  int8_t* out;
};
