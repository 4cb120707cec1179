// Asks a server everything that client_golang's API client can ask, and prints the answers as JSON, one a line.
//
// Two servers with the same data print the same lines. Usage: clients URL START END (times in seconds).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: clients URL START END")
	}
	client, err := api.NewClient(api.Config{Address: args[0]})
	if err != nil {
		return err
	}
	start, err := seconds(args[1])
	if err != nil {
		return err
	}
	end, err := seconds(args[2])
	if err != nil {
		return err
	}
	ask(v1.NewAPI(client), start, end)
	return nil
}

func seconds(text string) (time.Time, error) {
	number, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(number, 0).UTC(), err
}

func ask(server v1.API, start, end time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	span := v1.Range{Start: start, End: end, Step: time.Minute}

	value, warnings, err := server.Query(ctx, "sort(requests_total)", end, v1.WithTimeout(5*time.Second))
	show("Query", value, warnings, err)
	value, warnings, err = server.Query(ctx, "sum(", end)
	show("Query with an error", value, warnings, err)
	value, warnings, err = server.Query(ctx, "quantile(2, temperature)", end)
	show("Query with a warning", value, warnings, err)
	value, warnings, err = server.Query(ctx, "ended", end, v1.WithLookbackDelta(time.Hour), v1.WithLimit(3))
	show("Query with options", value, warnings, err)
	value, warnings, err = server.QueryRange(ctx, "requests_total", span)
	show("QueryRange", value, warnings, err)
	names, warnings, err := server.LabelNames(ctx, []string{"requests_total"}, start, end)
	show("LabelNames", names, warnings, err)
	values, warnings, err := server.LabelValues(ctx, "job", []string{"requests_total"}, start, end)
	show("LabelValues", values, warnings, err)
	values, warnings, err = server.LabelValues(ctx, "lab.el", nil, start, end)
	show("LabelValues of a name with a dot", values, warnings, err)
	series, warnings, err := server.Series(ctx, []string{"ended", "special{kind=\"tiny\"}"}, start, end)
	show("Series", series, warnings, err)
	exemplars, err := server.QueryExemplars(ctx, "requests_total", start, end)
	show("QueryExemplars", exemplars, nil, err)
	metadata, err := server.TargetsMetadata(ctx, "{job=\"page\"}", "page_load", "")
	show("TargetsMetadata", metadata, nil, err)
	metrics, err := server.Metadata(ctx, "page_load", "")
	show("Metadata", metrics, nil, err)
	targets, err := server.Targets(ctx)
	show("Targets", len(targets.Active)*10+len(targets.Dropped), nil, err)
	rules, err := server.Rules(ctx, nil)
	show("Rules", rules, nil, err)
	alerts, err := server.Alerts(ctx)
	show("Alerts", alerts, nil, err)
	managers, err := server.AlertManagers(ctx)
	show("AlertManagers", managers, nil, err)
	_, err = server.Config(ctx)
	show("Config", nil, nil, err)
	_, err = server.Flags(ctx)
	show("Flags", nil, nil, err)
	_, err = server.Buildinfo(ctx)
	show("Buildinfo", nil, nil, err)
	_, err = server.Runtimeinfo(ctx)
	show("Runtimeinfo", nil, nil, err)
	_, err = server.TSDB(ctx)
	show("TSDB", nil, nil, err)
	_, err = server.WalReplay(ctx)
	show("WalReplay", nil, nil, err)
	show("DeleteSeries, not enabled", nil, nil, server.DeleteSeries(ctx, []string{"ended"}, start, end))
	show("CleanTombstones, not enabled", nil, nil, server.CleanTombstones(ctx))
	snapshot, err := server.Snapshot(ctx, false)
	show("Snapshot, not enabled", snapshot, nil, err)
}

func show(what string, value any, warnings v1.Warnings, err error) {
	line := map[string]any{"what": what, "value": value, "warnings": warnings}
	if err != nil {
		line["error"] = err.Error()
	}
	text, err := json.Marshal(line)
	if err != nil {
		text = []byte(what + ": " + err.Error())
	}
	fmt.Println(string(text))
}
