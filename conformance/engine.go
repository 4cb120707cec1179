package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/stats"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"vigie.invalid/conformance/querypb"
)

// As the engine of Prometheus's harness has it.
const queryTimeout = 100 * time.Second

// engine has its queries answered by Vigie.
type engine struct {
	connection *grpc.ClientConn
}

func (e *engine) NewInstantQuery(
	_ context.Context, q storage.Queryable, opts promql.QueryOpts, qs string, ts time.Time,
) (promql.Query, error) {
	request := &querypb.QueryRequest{When: &querypb.QueryRequest_TimeMs{TimeMs: timestamp.FromTime(ts)}}
	return e.query(q, opts, qs, request)
}

func (e *engine) NewRangeQuery(
	_ context.Context, q storage.Queryable, opts promql.QueryOpts, qs string, start, end time.Time, interval time.Duration,
) (promql.Query, error) {
	request := &querypb.QueryRequest{When: &querypb.QueryRequest_Range{Range: &querypb.QueryRange{
		StartMs: timestamp.FromTime(start),
		EndMs:   timestamp.FromTime(end),
		StepMs:  uint64(interval.Milliseconds()),
	}}}
	return e.query(q, opts, qs, request)
}

func (e *engine) query(
	q storage.Queryable, opts promql.QueryOpts, qs string, request *querypb.QueryRequest,
) (promql.Query, error) {
	tenant, ok := q.(*tenantStorage)
	if !ok {
		return nil, fmt.Errorf("asked to query a %T, which is not in Vigie", q)
	}
	if opts != nil {
		request.LookbackMs = uint64(opts.LookbackDelta().Milliseconds())
	}
	request.Tenant = tenant.tenant
	request.Expression = qs
	request.TimeoutMs = uint64(queryTimeout.Milliseconds())
	return &query{engine: e, request: request}, nil
}

// query is one question, not yet asked.
type query struct {
	engine  *engine
	request *querypb.QueryRequest
	cancel  context.CancelFunc
}

func (q *query) Exec(ctx context.Context) *promql.Result {
	ctx, q.cancel = context.WithTimeout(ctx, queryTimeout)
	defer q.cancel()
	answer, err := q.ask(ctx)
	if err != nil {
		return &promql.Result{Err: err}
	}
	return answer
}

// ask reads the whole stream of an answer.
func (q *query) ask(ctx context.Context) (*promql.Result, error) {
	description := &grpc.StreamDesc{ServerStreams: true}
	stream, err := q.engine.connection.NewStream(ctx, description, "/vigie.v1.Querier/Query")
	if err != nil {
		return nil, remote(err)
	}
	if err := stream.SendMsg(q.request); err != nil && !errors.Is(err, io.EOF) {
		return nil, remote(err)
	}
	if err := stream.CloseSend(); err != nil {
		return nil, remote(err)
	}
	var answer answer
	for {
		response := &querypb.QueryResponse{}
		err := stream.RecvMsg(response)
		if errors.Is(err, io.EOF) {
			return answer.result()
		}
		if err != nil {
			return nil, remote(err)
		}
		if err := answer.add(response); err != nil {
			return nil, err
		}
	}
}

// remote is the error as Vigie says it.
func remote(err error) error {
	return errors.New(status.Convert(err).Message())
}

func (*query) Close() {}

func (q *query) Cancel() {
	if q.cancel != nil {
		q.cancel()
	}
}

// Statement is not known: Vigie parses.
func (*query) Statement() parser.Statement { return nil }

func (*query) Stats() *stats.Statistics { return &stats.Statistics{} }

func (q *query) String() string { return q.request.Expression }
