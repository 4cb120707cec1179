package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	startDeadline = 60 * time.Second
	endDeadline   = 60 * time.Second
)

// The scripts begin in 1970 and load the same times more than once, so that samples are as late as can be.
const configuration = `storage:
  tsdb:
    out_of_order_time_window: 100y
`

// flags are what Prometheus's harness presumes of an engine (promqltest.TestParserOpts and NewTestEngine) and of a
// storage (RunBuiltinTests), and a retention that keeps 1970.
var flags = []string{
	"--enable-feature=promql-experimental-functions,promql-duration-expr,promql-extended-range-selectors," +
		"promql-binop-fill-modifiers,promql-delayed-name-removal,use-start-timestamps,st-storage",
	"--storage.tsdb.retention.time=100y",
	"--log.level=warn",
}

// vigie is a process under test.
type vigie struct {
	httpAddress string
	grpcAddress string
	command     *exec.Cmd
	// Closed when the process has ended.
	ended chan struct{}
	log   string
}

// startVigie starts the program named by VIGIE_BIN over a folder of its own, waits until it is ready, and ends it with
// the test.
func startVigie(t *testing.T) *vigie {
	t.Helper()
	program := os.Getenv("VIGIE_BIN")
	if program == "" {
		t.Fatal("VIGIE_BIN does not name the program to test; use `make conformance`")
	}
	folder := t.TempDir()
	config := filepath.Join(folder, "prometheus.yml")
	if err := os.WriteFile(config, []byte(configuration), 0o644); err != nil {
		t.Fatalf("write the configuration: %v", err)
	}
	process := &vigie{
		httpAddress: freeAddress(t),
		grpcAddress: freeAddress(t),
		ended:       make(chan struct{}),
		log:         filepath.Join(folder, "log"),
	}
	log, err := os.Create(process.log)
	if err != nil {
		t.Fatalf("create the log: %v", err)
	}
	defer log.Close()
	process.command = exec.Command(program, append([]string{
		"--config.file=" + config,
		"--storage.tsdb.path=" + filepath.Join(folder, "data"),
		"--web.listen-address=" + process.httpAddress,
		"--server.grpc-listen-address=" + process.grpcAddress,
	}, flags...)...)
	process.command.Stdout, process.command.Stderr = log, log
	if err := process.command.Start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	go func() {
		_ = process.command.Wait()
		close(process.ended)
	}()
	t.Cleanup(func() { process.end(t) })
	if err := process.waitUntilReady(); err != nil {
		t.Fatalf("%v; its log:\n%s", err, process.logged())
	}
	return process
}

// freeAddress names a port that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a port: %v", err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (v *vigie) waitUntilReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		ready, err := v.isReady(ctx)
		if ready {
			return nil
		}
		select {
		case <-v.ended:
			return errors.New("the process ended instead of getting ready")
		case <-ctx.Done():
			return fmt.Errorf("the process was not ready after %s: %w", startDeadline, err)
		case <-poll.C:
		}
	}
}

func (v *vigie) isReady(ctx context.Context) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.httpAddress+"/-/ready", nil)
	if err != nil {
		return false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode == http.StatusOK, fmt.Errorf("it answers %s", response.Status)
}

// end asks the process to end, and shows its log if the test failed or it has to be killed.
func (v *vigie) end(t *testing.T) {
	_ = v.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-v.ended:
	case <-time.After(endDeadline):
		_ = v.command.Process.Kill()
		<-v.ended
		t.Errorf("the process did not end within %s of SIGTERM", endDeadline)
	}
	if t.Failed() {
		t.Logf("its log:\n%s", v.logged())
	}
}

func (v *vigie) logged() string {
	const most = 20_000
	text, err := os.ReadFile(v.log)
	if err != nil {
		return err.Error()
	}
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}
