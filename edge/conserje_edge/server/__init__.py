"""The processes: granian, its workers, the operator's and the console's listener beside them."""
