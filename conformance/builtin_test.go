package conformance

import (
	"fmt"
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
	tenants := 0
	newStorage := func(testing.TB) storage.Storage {
		tenants++
		return &tenantStorage{
			url:    "http://" + process.httpAddress + "/api/v1/write",
			tenant: fmt.Sprintf("conformance-%d", tenants),
		}
	}
	promqltest.RunBuiltinTestsWithStorage(t, &engine{connection: connection}, newStorage)
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
