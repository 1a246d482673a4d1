"""Features and decoder of a forecaster: the past of series to medians of many candidates, quantiles to forecasts."""
