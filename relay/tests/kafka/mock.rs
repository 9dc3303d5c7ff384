//! Rare errors of brokers, injected by librdkafka's mock cluster: for a while every send fails in some way, and still
//! nothing is skipped or reordered.

use crate::support::process::{must_equal_the_log, published};
use crate::support::{Log, RelayProcess};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use relay::{Kafka, SecurityFlags};

#[tokio::test(flavor = "multi_thread")]
async fn failed_deliveries_start_again_from_the_first_unmarked_event() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_INVALID_MSG as INVALID_MSG,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS as NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as NOT_LEADER,
        RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER as OUT_OF_ORDER,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT as TIMED_OUT,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as FORBIDDEN,
    };
    let mock = MockCluster::new(1).unwrap();
    let brokers = mock.bootstrap_servers();
    let topic = "mock.events";
    mock.create_topic(topic, 3, 1).unwrap();
    let kafka = Kafka::new(&brokers, topic, &SecurityFlags::default()).unwrap();
    let log = Log::new().await;
    let relay = RelayProcess::start(&log, &brokers, &kafka, &["--delivery-timeout-ms", "5000"]);
    published(&log, &kafka, log.append(200).await).await;
    for error in [NOT_LEADER, TIMED_OUT, NOT_ENOUGH_REPLICAS, FORBIDDEN, INVALID_MSG, OUT_OF_ORDER]
    {
        mock.request_errors(RDKafkaApiKey::Produce, &[error, error, error]);
        let head = log.append(700).await;
        let took = published(&log, &kafka, head).await;
        println!("published after {took:?} in spite of {error:?}");
    }
    mock.broker_down(1).unwrap();
    let head = log.append(100).await;
    mock.broker_up(1).unwrap();
    published(&log, &kafka, head).await;
    relay.stop();
    must_equal_the_log(&log, &brokers, &kafka);
}
