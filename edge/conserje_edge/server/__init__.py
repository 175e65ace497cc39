"""The processes: granian, its workers, the operator's listener beside them."""
