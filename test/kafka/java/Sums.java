import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.Stores;

/**
 * A Kafka Streams application as teams run it, exactly once: counts the records of `orders` by their value, over a repartition topic and a
 * store with a changelog, into `counts`. Runs until its counts add up to so many, closes and ends; state is kept in memory only.
 *
 *     Sums APPLICATION ORDERS COUNTS HOW_MANY NAME=VALUE...
 */
public final class Sums {
  public static void main(String[] args) throws Exception {
    long wanted = Long.parseLong(args[3]);
    Properties properties = new Properties();
    for (int i = 4; i < args.length; i++) {
      String[] parts = args[i].split("=", 2);
      properties.put(parts[0], parts[1]);
    }
    properties.put("application.id", args[0]);
    properties.put("processing.guarantee", "exactly_once_v2");
    properties.put("commit.interval.ms", "100");
    // Every count is written, not the last one before a commit alone.
    properties.put("statestore.cache.max.bytes", "0");
    properties.put("auto.offset.reset", "earliest");
    // Streams does not leave its group when it is closed: it is a member for as long as this.
    properties.put("session.timeout.ms", "3000");
    properties.put("heartbeat.interval.ms", "1000");
    properties.put("state.dir", System.getProperty("java.io.tmpdir") + "/ferry-sums-" + ProcessHandle.current().pid());
    properties.put("default.dsl.store", "in_memory");

    CountDownLatch reached = new CountDownLatch(1);
    Map<String, Long> counts = new ConcurrentHashMap<>();
    StreamsBuilder builder = new StreamsBuilder();
    KeyValueBytesStoreSupplier store = Stores.inMemoryKeyValueStore("by-value");
    builder.stream(args[1], Consumed.with(Serdes.String(), Serdes.String()))
        .selectKey((key, value) -> value)
        .groupByKey(Grouped.with("sorted", Serdes.String(), Serdes.String()))
        .count(Materialized.<String, Long>as(store).withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
        .toStream()
        .peek((value, count) -> {
          counts.put(value, count);
          if (counts.values().stream().mapToLong(Long::longValue).sum() >= wanted) reached.countDown();
        })
        .mapValues(String::valueOf)
        .to(args[2], Produced.with(Serdes.String(), Serdes.String()));

    KafkaStreams streams = new KafkaStreams(builder.build(), properties);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
      return null;
    });
    streams.start();
    if (!reached.await(150, TimeUnit.SECONDS)) throw new IllegalStateException("Only came to " + counts);
    if (!streams.close(java.time.Duration.ofSeconds(30))) throw new IllegalStateException("It did not close");
    Runtime.getRuntime().halt(0);
  }
}
