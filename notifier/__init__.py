"""Lead events in, one signed webhook per matching endpoint out, until it lands or gives up."""
