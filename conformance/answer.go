package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"

	"vigie.invalid/conformance/querypb"
)

// answer is put together from the messages of a stream.
type answer struct {
	value   parser.Value
	summary *querypb.QuerySummary
}

func (a *answer) add(message *querypb.QueryResponse) error {
	switch part := message.Part.(type) {
	case *querypb.QueryResponse_Scalar:
		a.value = promql.Scalar{T: part.Scalar.TimeMs, V: math.Float64frombits(part.Scalar.ValueBits)}
	case *querypb.QueryResponse_String_:
		a.value = promql.String{T: part.String_.TimeMs, V: part.String_.Value}
	case *querypb.QueryResponse_Vector:
		vector, _ := a.value.(promql.Vector)
		return a.addElements(vector, part.Vector.Elements)
	case *querypb.QueryResponse_Matrix:
		matrix, _ := a.value.(promql.Matrix)
		return a.addRows(matrix, part.Matrix.Rows)
	case *querypb.QueryResponse_Summary:
		a.summary = part.Summary
	default:
		return fmt.Errorf("a message of unknown kind %T", part)
	}
	return nil
}

func (a *answer) addElements(vector promql.Vector, elements []*querypb.VectorElement) error {
	for _, element := range elements {
		metric, err := unpack(element.Labels)
		if err != nil {
			return err
		}
		sample := promql.Sample{Metric: metric, T: element.TimeMs}
		switch value := element.Value.(type) {
		case *querypb.VectorElement_ValueBits:
			sample.F = math.Float64frombits(value.ValueBits)
		case *querypb.VectorElement_Histogram:
			sample.H = floatHistogram(value.Histogram)
		default:
			return fmt.Errorf("a vector element with a value of unknown kind %T", value)
		}
		vector = append(vector, sample)
	}
	a.value = vector
	return nil
}

func (a *answer) addRows(matrix promql.Matrix, rows []*querypb.MatrixRow) error {
	for _, row := range rows {
		if len(row.FloatTimesMs) != len(row.FloatValueBits) || len(row.HistogramTimesMs) != len(row.Histograms) {
			return errors.New("a row with columns of different lengths")
		}
		metric, err := unpack(row.Labels)
		if err != nil {
			return err
		}
		if n := len(matrix); n == 0 || !labels.Equal(matrix[n-1].Metric, metric) {
			matrix = append(matrix, promql.Series{Metric: metric})
		}
		series := &matrix[len(matrix)-1]
		for i, bits := range row.FloatValueBits {
			series.Floats = append(series.Floats, promql.FPoint{T: row.FloatTimesMs[i], F: math.Float64frombits(bits)})
		}
		for i, wire := range row.Histograms {
			series.Histograms = append(series.Histograms, promql.HPoint{T: row.HistogramTimesMs[i], H: floatHistogram(wire)})
		}
	}
	a.value = matrix
	return nil
}

func (a *answer) result() (*promql.Result, error) {
	if a.summary == nil || a.value == nil {
		return nil, errors.New("the answer is not complete")
	}
	var remarks annotations.Annotations
	for _, remark := range a.summary.Annotations {
		kind := annotations.PromQLWarning
		if remark.Kind == querypb.Annotation_INFO {
			kind = annotations.PromQLInfo
		}
		remarks.Add(annotation{kind: kind, text: remark.Text})
	}
	return &promql.Result{Value: a.value, Warnings: remarks}, nil
}

// annotation is a remark without its place, as an engine hands it to the harness.
type annotation struct {
	kind error
	text string
}

func (a annotation) Error() string { return a.text }

func (a annotation) Unwrap() error { return a.kind }

// unpack reads labels as docs/formats/labels.md has them: names and values, each behind its length.
func unpack(packed []byte) (labels.Labels, error) {
	builder := labels.NewScratchBuilder(8)
	text := func() (string, error) {
		length, size := binary.Uvarint(packed)
		if size <= 0 || uint64(len(packed)-size) < length {
			return "", errors.New("labels are truncated")
		}
		text := string(packed[size : size+int(length)])
		packed = packed[size+int(length):]
		return text, nil
	}
	for len(packed) > 0 {
		name, err := text()
		if err != nil {
			return labels.EmptyLabels(), err
		}
		value, err := text()
		if err != nil {
			return labels.EmptyLabels(), err
		}
		builder.Add(name, value)
	}
	return builder.Labels(), nil
}

func floatHistogram(wire *querypb.ResultHistogram) *histogram.FloatHistogram {
	return &histogram.FloatHistogram{
		CounterResetHint: resetHint(wire.CounterResetHint),
		Schema:           wire.Schema,
		ZeroThreshold:    math.Float64frombits(wire.ZeroThresholdBits),
		ZeroCount:        math.Float64frombits(wire.ZeroCountBits),
		Count:            math.Float64frombits(wire.CountBits),
		Sum:              math.Float64frombits(wire.SumBits),
		PositiveSpans:    spans(wire.PositiveSpans),
		PositiveBuckets:  floats(wire.PositiveBucketBits),
		NegativeSpans:    spans(wire.NegativeSpans),
		NegativeBuckets:  floats(wire.NegativeBucketBits),
		CustomValues:     floats(wire.CustomBoundBits),
	}
}

func resetHint(hint querypb.CounterResetHint) histogram.CounterResetHint {
	switch hint {
	case querypb.CounterResetHint_COUNTER_RESET_HINT_RESET:
		return histogram.CounterReset
	case querypb.CounterResetHint_COUNTER_RESET_HINT_NOT_RESET:
		return histogram.NotCounterReset
	case querypb.CounterResetHint_COUNTER_RESET_HINT_GAUGE:
		return histogram.GaugeType
	default:
		return histogram.UnknownCounterReset
	}
}

func spans(wire []*querypb.ResultSpan) []histogram.Span {
	var spans []histogram.Span
	for _, span := range wire {
		spans = append(spans, histogram.Span{Offset: span.Offset, Length: span.Length})
	}
	return spans
}

func floats(bits []uint64) []float64 {
	var values []float64
	for _, value := range bits {
		values = append(values, math.Float64frombits(value))
	}
	return values
}
