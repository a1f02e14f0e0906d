//! Any memory: a length is a number of 64 bits until it has been compared.
