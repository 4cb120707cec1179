package conformance

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// TestPrometheusScripts runs every script of Prometheus's acceptance tests, each `clear` of which begins with a new
// tenant.
func TestPrometheusScripts(t *testing.T) {
	process := startVigie(t)
	connection, err := grpc.NewClient(process.grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatalf("connect to %s: %v", process.grpcAddress, err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	var tenants atomic.Int64
	newStorage := func(testing.TB) storage.Storage {
		return &tenantStorage{
			url:    "http://" + process.httpAddress + "/api/v1/write",
			tenant: fmt.Sprintf("conformance-%d", tenants.Add(1)),
		}
	}
	promqltest.RunBuiltinTestsWithStorage(sideBySide{t}, &engine{connection: connection}, newStorage)
}

// sideBySide runs scripts at the same time, as many as the flag -parallel says: they share nothing but Vigie, and one
// alone mostly waits for its answers.
type sideBySide struct {
	*testing.T
}

func (s sideBySide) Run(name string, script func(*testing.T)) bool {
	return s.T.Run(name, func(t *testing.T) {
		t.Parallel()
		script(t)
	})
}

// TestScriptsAreComplete holds Prometheus's module to the number of evaluations that this one promises.
func TestScriptsAreComplete(t *testing.T) {
	const evaluations = 2195
	expressions, err := promqltest.GetBuiltInExprs()
	if err != nil {
		t.Fatal(err)
	}
	if len(expressions) != evaluations {
		t.Fatalf("the scripts have %d evaluations, not %d", len(expressions), evaluations)
	}
}
